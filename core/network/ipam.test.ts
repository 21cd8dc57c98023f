import { expect } from 'chai';
import { describe as describeFinding } from './finding.ts';
import { givesAddresses, parseIpam } from './ipam.ts';

describe('spec.ipam', () => {
  it('is read with its defaults', () => {
    const { ipam } = parseIpam(
      '{"type":"multi-nic-ipam","hostBlock":7,"interfaceBlock":3,"vlanMode":"l3","excludeCIDRs":["10.0.0.0/30"]}',
    );
    expect(ipam).to.deep.include({
      type: 'multi-nic-ipam',
      hostBlock: 7,
      interfaceBlock: 3,
      vlanMode: 'l3',
      excludeCIDRs: ['10.0.0.0/30'],
      routes: [],
    });
  });

  it('is read with its keys in any case, as Go does', () => {
    const { ipam } = parseIpam(
      '{"Type":"multi-nic-ipam","hostblock":7,"VLANMode":"l3","excludeCidrs":["10.0.0.0/30"]}',
    );
    expect(ipam).to.include({ type: 'multi-nic-ipam', hostBlock: 7, vlanMode: 'l3' });
    expect(ipam?.excludeCIDRs).to.deep.equal(['10.0.0.0/30']);
    expect(parseIpam('{"type":"x","hostBlock":1,"hostblock":2}').findings.map(describeFinding).join()).to.match(
      /twice/,
    );
  });

  it('keeps the keys of other IPAM plugins', () => {
    expect(parseIpam('{"type":"whereabouts","range":"10.0.0.0/24"}').ipam?.raw).to.deep.equal({
      type: 'whereabouts',
      range: '10.0.0.0/24',
    });
  });

  it('takes null for absent, and an empty gateway for none, as CNI plugins do', () => {
    const routes =
      '[{"dst":"10.0.0.0/8","gw":""},{"dst":"::/0","gw":null,"mtu":null},{"dst":"fd00::/8","gw":"fd00::1"}]';
    const { ipam } = parseIpam(`{"type":"x","hostBlock":null,"vlanMode":null,"excludeCIDRs":null,"routes":${routes}}`);
    expect(ipam).to.deep.include({ hostBlock: 0, vlanMode: '', excludeCIDRs: [] });
    expect(ipam?.routes).to.deep.equal([{ dst: '10.0.0.0/8' }, { dst: '::/0' }, { dst: 'fd00::/8', gw: 'fd00::1' }]);
    expect(parseIpam('{"type":"x","routes":null}').ipam?.routes).to.deep.equal([]);
  });

  for (const text of [undefined, '', ' \n', '{}', '{"type":""}', '{"type":null,"hostBlock":null}']) {
    it(`may give no addresses: ${JSON.stringify(text)}`, () => {
      const { ipam, findings } = parseIpam(text);
      expect(findings).to.deep.equal([]);
      expect(ipam && givesAddresses(ipam)).to.equal(false);
    });
  }

  for (const [text, place] of [
    ['{"type":"x",}', /line 1, column 13/],
    ['{\n  "type": "x"\n  "hostBlock": 1\n}', /line 3, column 3/],
    ['{"type":"multi-nic-ipam",\n "hostBlock": "7"}', /line 2, column 15.*hostBlock.*"7"/],
    ['{"type":"x","hostBlock":-1}', /line 1, column 25/],
    ['{"type":"x","hostBlock":1,"hostBlock":2}', /line 1, column 27.*twice/],
    ['{"hostBlock":1}', /"type" is missing/],
    ['{"type":5}', /line 1, column 9/],
    ['{"type":null,"hostBlock":1}', /"type" is missing/],
    ['{"type":"","routes":[]}', /"type" is missing/],
    ['["a"]', /must be a JSON object/],
    ['{"type":"x","vlanMode":"l4"}', /line 1, column 24/],
    ['{"type":"x","excludeCIDRs":"10.0.0.0/8"}', /line 1, column 28/],
    ['{"type":"x","routes":[{"gw":"10.0.0.1"}]}', /routes\[0\]/],
    ['{"type":"x"} // note', /line 1, column 14/],
  ] as const) {
    it(`is refused with the place: ${JSON.stringify(text)}`, () => {
      const { ipam, findings } = parseIpam(text);
      expect(ipam).to.equal(undefined);
      expect(describeFinding(findings[0]!)).to.match(place);
    });
  }
});
