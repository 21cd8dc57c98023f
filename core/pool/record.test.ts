import { expect } from 'chai';
import fc from 'fast-check';
import type { Allocation } from '../api/types.ts';
import { formatRecord, parseRecord, stateOf } from './record.ts';

const record: Allocation = {
  podUID: '7f1c',
  namespace: 'ai',
  name: 'worker-0',
  interface: 'net1',
  nics: [
    { master: 'eth1', netAddress: '172.20.1.0/24', addresses: ['10.200.0.1/18', 'fd00::1/64'] },
    { netAddress: '172.20.2.0/24', addresses: ['10.200.64.1/18'] },
  ],
  state: 'Allocated',
  since: '2026-01-01T00:00:00.000Z',
};

const text =
  'Allocated ai/worker-0 net1 eth1@172.20.1.0/24=10.200.0.1/18,fd00::1/64 @172.20.2.0/24=10.200.64.1/18 ' +
  'since=2026-01-01T00:00:00.000Z uid=7f1c';

describe('the record of an allocation in a pool', () => {
  it('is one line that people can read', () => {
    expect(formatRecord(record)).to.equal(text);
    expect(parseRecord(text)).to.deep.equal(record);
    expect(stateOf(text)).to.equal('Allocated');
  });

  it('survives a round trip, with any names that Linux and Kubernetes allow', () => {
    // dev_valid_name(): no slash, no white space; up to 15 bytes.
    const word = fc.string({ minLength: 1, maxLength: 15, unit: 'binary-ascii' }).filter(s => !/[\s/:]|[^!-~]/.test(s));
    const id = fc.stringMatching(/^[0-9a-f-]{1,36}$/);
    const nic = fc.record(
      {
        master: word,
        netAddress: fc.constantFrom('', '172.20.1.0/24', 'fd00:1::/64'),
        addresses: fc.uniqueArray(fc.constantFrom('10.0.0.1/18', 'fd00::7/64'), { maxLength: 2 }),
        promisedMbps: fc.integer({ min: 1, max: 800_000 }),
      },
      { requiredKeys: ['netAddress', 'addresses'] },
    );
    const any = fc.record(
      {
        podUID: fc.oneof(fc.constant(''), id),
        reservation: id,
        namespace: fc.constantFrom('default', 'team-a'),
        // Not checked yet when a record is written.
        name: fc.oneof(fc.constantFrom('worker-0', 'worker-', 'a.b'), fc.string({ unit: 'binary', maxLength: 40 })),
        interface: word,
        nics: fc.array(nic, { maxLength: 8 }),
        state: fc.constantFrom('Reserved' as const, 'Allocated' as const, 'Released' as const),
        since: fc.constant('2026-01-01T00:00:00.000Z'),
      },
      { requiredKeys: ['podUID', 'namespace', 'name', 'interface', 'nics', 'state', 'since'] },
    );
    fc.assert(
      fc.property(any, one => {
        expect(parseRecord(formatRecord(one))).to.deep.equal(one);
      }),
    );
  });

  it('says what was promised of each NIC, in a word that readers without it pass over', () => {
    const [first, second] = record.nics;
    const promised = { ...record, nics: [{ ...first!, promisedMbps: 25_000 }, second!] };
    expect(formatRecord(promised)).to.equal(`${text} mbps=25000,0`);
    expect(parseRecord(`${text} mbps=25000,0`)).to.deep.equal(promised);
    expect(parseRecord(`${text} later=1`)).to.deep.equal(record);
  });

  it('takes no words from a name, and no more of it than a name may have', () => {
    const name = `x net1 eth1@172.20.1.0/24=10.200.0.9/18 since=0 uid=victim\n${'y'.repeat(1000)}`;
    const read = parseRecord(formatRecord({ ...record, name }));
    expect(read).to.deep.equal({ ...record, name: name.slice(0, 253) });
  });

  it('is not read if it is malformed', () => {
    for (const broken of [
      '',
      'Allocated',
      'Allocated ai/p%zz net1 since=x',
      'Held ai/p net1 since=x',
      'Allocated p net1 since=x',
      'Allocated ai/p net1',
      `${text} mbps=25000`,
      `${text} mbps=25000,x`,
      `${text} mbps=25000,-1`,
    ]) {
      expect(parseRecord(broken), broken).to.equal(undefined);
    }
  });
});
