import { expect } from 'chai';
import { loadOrder } from './kernel.ts';

const dependencies = [
  'kernel/net/ipv6/ipv6.ko: kernel/lib/crc-ccitt.ko',
  'kernel/lib/crc-ccitt.ko:',
  'kernel/drivers/net/dummy.ko:',
  'kernel/drivers/net/ipvlan/ipvlan.ko: kernel/net/ipv6/ipv6.ko kernel/lib/crc-ccitt.ko',
  'kernel/drivers/net/vrf.ko: kernel/net/ipv6/ipv6.ko kernel/lib/crc-ccitt.ko',
  '',
].join('\n');

describe('test/uml/kernel', () => {
  it('orders modules after those that they need, each once', () => {
    expect(loadOrder(dependencies, ['dummy', 'ipvlan', 'vrf'])).to.deep.equal([
      'kernel/drivers/net/dummy.ko',
      'kernel/lib/crc-ccitt.ko',
      'kernel/net/ipv6/ipv6.ko',
      'kernel/drivers/net/ipvlan/ipvlan.ko',
      'kernel/drivers/net/vrf.ko',
    ]);
  });

  it('names a module that the kernel does not have', () => {
    expect(() => loadOrder(dependencies, ['netdevsim'])).to.throw('no module netdevsim');
  });
});
