import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import { openNetlink } from '../../agent/netlink/open.ts';
import { TestNamespace } from './support.ts';

/** Asks a process of its own for netlink, and returns what it got, or the message of the error. */
function open(choice: string, nodeOptions: string, env: NodeJS.ProcessEnv = {}): object {
  const module = JSON.stringify(new URL('../../agent/netlink/open.ts', import.meta.url).href);
  const script = `
    import { openNetlink } from ${module};
    const said = [];
    try {
      await using netlink = await openNetlink('${choice}', why => said.push(why.message));
      const links = await netlink.one(null, { op: 'link.list' });
      console.log(JSON.stringify({ backend: netlink.backend, links: links.map(({ name }) => name).includes('lo'), said }));
    } catch (error) {
      console.log(JSON.stringify({ message: error.message }));
    }`;
  const command = [...nodeOptions.split(' ').filter(Boolean), '--input-type=module', '-e', script];
  return JSON.parse(
    execFileSync(process.execPath, command, { encoding: 'utf8', env: { ...process.env, ...env } }),
  ) as object;
}

/** Node then loads no native module, as where koffi has no build. */
const withoutKoffi = '--no-addons';

describe('netlink: the choice of an implementation', () => {
  it('is koffi where it loads', () => {
    expect(open('auto', '')).to.deep.equal({ backend: 'koffi', links: true, said: [] });
  });

  it('is ip where koffi does not load, and says why', () => {
    const opened = open('auto', withoutKoffi);
    expect(opened).to.include({ backend: 'ip', links: true });
    expect(opened).to.have.property('said').with.length(1);
    expect(opened)
      .to.have.nested.property('said[0]')
      .that.matches(/koffi|addon/i);
  });

  it('is what is asked for', async () => {
    expect(open('ip', '')).to.deep.equal({ backend: 'ip', links: true, said: [] });
    expect(open('koffi', withoutKoffi))
      .to.have.property('message')
      .that.matches(/koffi|addon/i);
    await using netlink = await openNetlink('koffi');
    expect(netlink.backend).to.equal('koffi');
  });

  it('names the program that is missing', () => {
    expect(open('ip', '', { PATH: '/nowhere' })).to.deep.equal({
      message: 'netlink by way of ip needs the program ip: install iproute2',
    });
  });
});

describe('netlink: words that a batch of ip cannot have', () => {
  before(function () {
    if (process.getuid?.() !== 0) this.skip();
  });

  for (const alias of ['two words', `it's "#1"`, 'a\\b', '# nothing', 'line\nbreak', '']) {
    it(`alias ${JSON.stringify(alias)} is set as it is, between changes before and after it`, async () => {
      using namespace = new TestNamespace();
      await using netlink = await openNetlink('ip');
      const [, , , link] = await netlink.run(namespace.path, [
        { op: 'link.add', kind: 'bridge', name: 'br0', alias: 'before' },
        { op: 'link.set', dev: 'br0', alias },
        { op: 'link.set', dev: 'br0', mtu: 1400 },
        { op: 'link.get', dev: 'br0' },
      ]);
      expect(link).to.include({ mtu: 1400, alias: alias === '' ? null : alias });
    });
  }
});
