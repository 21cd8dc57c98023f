import { expect } from 'chai';
import { readResult } from './readResult.ts';
import { type CniResult, encodePrevResult, encodeResult } from './result.ts';
import { supportedVersions } from './versions.ts';

const result: CniResult = {
  interfaces: [
    { name: 'net1-0', mac: '02:00:00:00:00:01', mtu: 9000, sandbox: '/run/netns/x' },
    { name: 'mnp0', mac: '02:00:00:00:00:02' },
  ],
  ips: [
    { address: '10.0.0.5/24', interface: 0 },
    { address: 'fd00::5/64', interface: 0, gateway: 'fd00::1' },
  ],
  routes: [{ dst: '192.0.2.0/24', gw: '10.0.0.1' }],
  dns: { nameservers: ['10.0.0.2'] },
};

describe('encodeResult', () => {
  for (const version of supportedVersions) {
    it(`writes version ${version}`, () => {
      const text = encodeResult(result, version);
      expect(text.endsWith('}\n')).to.equal(true);
      const document = JSON.parse(text) as Record<string, unknown> & { ips: object[]; interfaces: object[] };
      expect(document.cniVersion).to.equal(version);
      const families = version.startsWith('0.') ? [{ version: '4' }, { version: '6' }] : [{}, {}];
      expect(document.ips).to.deep.equal(result.ips.map((ip, i) => ({ ...families[i], ...ip })));
      expect('mtu' in document.interfaces[0]!).to.equal(version === '1.1.0');
      expect(document).to.deep.include({ routes: result.routes, dns: result.dns });
    });
  }

  it('follows what plugins before it made', () => {
    const before = {
      cniVersion: '0.4.0',
      interfaces: [{ name: 'eth0', mac: '02:00:00:00:00:09', sandbox: '/run/netns/x' }],
      ips: [{ version: '4', address: '10.1.0.5/24', interface: 0 }],
      'a.b/c': 1,
    };
    const { interfaces, ips, ...more } = JSON.parse(encodeResult(result, '1.1.0', before)) as CniResult;
    expect(interfaces).to.deep.equal([...before.interfaces, ...result.interfaces]);
    expect(ips).to.deep.equal([
      { address: '10.1.0.5/24', interface: 0 },
      ...result.ips.map(ip => ({ ...ip, interface: 1 })),
    ]);
    expect(more).to.deep.equal({ cniVersion: '1.1.0', routes: result.routes, dns: result.dns, 'a.b/c': 1 });
  });

  it('keeps the DNS of plugins before it', () => {
    const dns = { nameservers: ['10.1.0.53'] };
    expect(JSON.parse(encodeResult(result, '1.0.0', { dns }))).to.deep.include({ dns });
  });

  it('can be read back', () => {
    const [first, second] = [result.interfaces[0]!, result.interfaces[1]!];
    const older = { name: first.name, mac: first.mac, sandbox: first.sandbox };
    for (const version of supportedVersions) {
      const read = readResult(JSON.parse(encodeResult(result, version)) as Record<string, unknown>);
      expect(read).to.deep.equal(version === '1.1.0' ? result : { ...result, interfaces: [older, second] });
    }
  });
});

describe('encodePrevResult', () => {
  it('keeps what it does not know', () => {
    const before = { cniVersion: '0.4.0', interfaces: [{ name: 'eth0', 'x.example/y': 1 }], 'a.b/c': { d: null } };
    expect(JSON.parse(encodePrevResult(before, '0.4.0'))).to.deep.equal(before);
  });

  it('converts what says that it is of another version', () => {
    const before = JSON.parse(encodeResult(result, '1.1.0')) as Record<string, unknown>;
    for (const version of supportedVersions) {
      expect(JSON.parse(encodePrevResult(before, version))).to.deep.equal(JSON.parse(encodeResult(result, version)));
    }
    const unlabelled = { ips: [{ version: '4', address: '10.0.0.5/24' }] };
    expect(JSON.parse(encodePrevResult(unlabelled, '1.0.0'))).to.deep.equal({ ...unlabelled, cniVersion: '1.0.0' });
  });
});
