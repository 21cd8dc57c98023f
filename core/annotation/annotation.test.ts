import { expect } from 'chai';
import fc from 'fast-check';
import { attachmentsKey } from '../api/names.ts';
import { readAttachments, sameAttachments, withAttachments, withoutAttachments } from './attachments.ts';
import { gatewayFamilies } from './defaultRoutes.ts';
import { formatNetworks, interfaceNames, macOf, parseNetworks, runtimeConfigOf } from './networks.ts';

const asElement = (name: string) => ({ name });

describe('network-selection annotation', () => {
  it('reads the comma form', () => {
    expect(parseNetworks('train-net, other/storage@store0 ,a@b')).to.deep.equal([
      { name: 'train-net' },
      { name: 'storage', namespace: 'other', interface: 'store0' },
      { name: 'a', interface: 'b' },
    ]);
  });

  it('reads the JSON form and keeps every key', () => {
    const element = {
      name: 'n',
      namespace: 'x',
      ips: ['10.0.0.5/24'],
      mac: '02:00:00:00:00:01',
      'cni-args': { nics: 2 },
      'org.foo.bar': 1,
    };
    expect(parseNetworks(JSON.stringify([element]))).to.deep.equal([element]);
  });

  it('takes what is empty for absent, and the old name of interface, as Multus does', () => {
    const text = '[{"name":"a","namespace":"","interface":""},{"name":"b","namespace":null,"interfaceRequest":"x"}]';
    expect(parseNetworks(text)).to.deep.equal([{ name: 'a' }, { name: 'b', interface: 'x' }]);
    const nothing = '[{"name":"a","ips":null,"mac":null,"cni-args":null,"default-route":null,"x":null}]';
    expect(parseNetworks(nothing)).to.deep.equal([{ name: 'a', x: null }]);
    expect(parseNetworks('[{"name":"c","interface":"y","interfaceRequest":"x"}]')).to.deep.equal([
      { name: 'c', interface: 'y' },
    ]);
  });

  it('reads keys in any case, and with the long s, as Go does', () => {
    const text =
      '[{"Name":"a","INTERFACE":"x","portmappings":[],"CNI-Args":{"NICs":1},"Foo":1},{"name":"b","interfaceRequeſt":"net7","IPſ":["10.0.0.1"]}]';
    expect(parseNetworks(text)).to.deep.equal([
      { name: 'a', interface: 'x', portMappings: [], 'cni-args': { NICs: 1 }, Foo: 1 },
      { name: 'b', interface: 'net7', ips: ['10.0.0.1'] },
    ]);
  });

  it('refuses a key in two spellings, of which Go takes the last, which cannot be told here', () => {
    expect(() => parseNetworks('[{"name":"a","Name":"b","name":"c"}]')).to.throw(/element 1: it has name twice/);
    expect(() => parseNetworks('[{"name":"a","interface":"x","Interface":""}]')).to.throw(/it has interface twice/);
  });

  it('takes null for absent, and hands on what it does not look at', () => {
    const keys = ['namespace', 'interface', 'interfaceRequest', 'ips', 'mac', 'default-route', 'cni-args'];
    const nothing = Object.fromEntries(keys.map(key => [key, null]));
    const others = { portMappings: null, bandwidth: null, deviceID: null, 'infiniband-guid': null, x: null };
    const [element] = parseNetworks(JSON.stringify([{ name: 'a', ...nothing, ...others }]));
    expect(element).to.deep.equal({ name: 'a', ...others });
    expect(runtimeConfigOf(element!)).to.deep.equal({});
    expect(() => parseNetworks('[{"name":null}]')).to.throw(/element 1: name/);
  });

  it('has no element where it is empty', () => {
    expect(parseNetworks('')).to.deep.equal([]);
    expect(parseNetworks('  ')).to.deep.equal([]);
    expect(parseNetworks('[]')).to.deep.equal([]);
  });

  for (const [text, what] of [
    ['a,,b', /element 2/],
    ['a b', /element 1/],
    ['UPPER', /DNS-1123/],
    ['[{"name":"team-a/x"}]', /name must be .* not "team-a\/x": in a JSON list the namespace is a key of its own/],
    ['{"name":"x"}', /not a list/],
    ['[{"name":"x"]', /not JSON/],
    ['[1]', /element 1: it is not an object/],
    ['[{"name":"ok"},{"namespace":"x"}]', /element 2: name/],
    ['[{"name":"ok","interface":"a-name-of-16-cha"}]', /interface/],
    ['[{"name":"ok","interface":"a/b"}]', /interface/],
    ['[{"name":"ok","interface":"net%d"}]', /interface must be .* none of .*"%"/],
    ['[{"name":"ok","cni-args":[1]}]', /cni-args/],
    ['[{"name":"ok","ips":"10.0.0.1"}]', /ips/],
    ['[{"name":"ok","ips":["10.0.0.1 "]}]', /element 1: ips must be a list of addresses.*"10\.0\.0\.1 "/],
    ['[{"name":"ok","ips":["10.0.0.1/24","fd00::1/64"]},{"name":"ok","ips":["fd00::1/129"]}]', /element 2: ips/],
    ['[{"name":"ok"},{"name":"ok","mac":5}]', /element 2: mac must be a string, not 5/],
    [
      '[{"name":"a","default-route":["10.0.0.1","fd00::1"]},{"name":"b"},{"name":"c","default-route":["fd00::2"]}]',
      /element 3: default-route names an IPv6 gateway, and so does element 1/,
    ],
    ['ok@name:0', /./],
  ] as const) {
    it(`refuses ${text}`, () => {
      expect(() => parseNetworks(text)).to.throw(what);
    });
  }

  it('refuses more networks than any pod has interfaces, in both forms, before it looks at them', () => {
    const hundred = Array.from({ length: 100 }, () => 'ok');
    for (const write of [
      (names: string[]) => names.join(),
      (names: string[]) => JSON.stringify(names.map(asElement)),
    ]) {
      expect(parseNetworks(write(hundred))).to.have.length(100);
      expect(() => parseNetworks(write([...hundred, 'NOT OK']))).to.throw(/selects more than 100 networks/);
    }
  });

  it('refuses what is nested too deep to be written again', () => {
    const nested = (levels: number) => `[{"name":"ok","cni-args":{"x":${'['.repeat(levels)}${']'.repeat(levels)}}}]`;
    expect(formatNetworks(parseNetworks(nested(98)))).to.equal(nested(98));
    for (const levels of [99, 100_000]) {
      expect(() => parseNetworks(nested(levels))).to.throw(
        /MNN_NETWORKS_ANNOTATION_INVALID: element 1: it is nested more than 100 levels deep/,
      );
    }
  });

  it('lets one element have the default route of a family, and another one that of the other', () => {
    const elements = [
      { name: 'a', 'default-route': ['10.0.0.1', '10.0.0.2'] },
      { name: 'b', 'default-route': [] },
      { name: 'c', 'default-route': ['fd00::2'] },
    ];
    expect(parseNetworks(JSON.stringify(elements))).to.deep.equal(elements);
    expect(gatewayFamilies(elements)).to.deep.equal([4, 6]);
  });

  it('asks for the hardware address that an element names, if it is one', () => {
    expect(macOf({ name: 'a' }, 0)).to.equal(undefined);
    expect(macOf({ name: 'a', mac: '' }, 0)).to.equal(undefined);
    expect(macOf({ name: 'a', mac: 'C2:11:22:33:44:55' }, 0)).to.equal('c2:11:22:33:44:55');
    expect(macOf({ name: 'a', mac: 'C2-11-22-33-44-55' }, 0)).to.equal('c2:11:22:33:44:55');
    expect(() => macOf({ name: 'a', mac: 'c2:11' }, 1)).to.throw(
      /MNN_NETWORKS_ANNOTATION_INVALID: element 2: mac .*"c2:11"/,
    );
  });

  it('reads what it writes', () => {
    const name = fc.stringMatching(/^[a-z]([-a-z0-9]{0,20}[a-z0-9])?$/);
    const element = fc.record(
      {
        name,
        namespace: name,
        interface: fc.stringMatching(/^[a-z][a-z0-9]{0,9}$/),
        'cni-args': fc.dictionary(name, fc.jsonValue()),
      },
      { requiredKeys: ['name'] },
    );
    fc.assert(
      fc.property(fc.array(element), elements => {
        expect(parseNetworks(formatNetworks(elements))).to.deep.equal(JSON.parse(formatNetworks(elements)));
      }),
    );
  });

  it('names interfaces as Multus does', () => {
    expect(interfaceNames([{ name: 'a' }, { name: 'b', interface: 'x' }, { name: 'c' }])).to.deep.equal([
      'net1',
      'x',
      'net3',
    ]);
  });
});

describe('attachments', () => {
  const attachments = [{ master: 'eth1', netAddress: '172.20.1.0/24', addresses: ['10.200.0.1/19'] }];

  it('travel in cni-args beside what the user wrote', () => {
    const element = withAttachments({ name: 'n', ips: ['10.0.0.1'], 'cni-args': { nics: 1 } }, attachments);
    expect(element).to.deep.equal({
      name: 'n',
      ips: ['10.0.0.1'],
      'cni-args': { nics: 1, [attachmentsKey]: attachments },
    });
    expect(readAttachments(element['cni-args'])).to.deep.equal(attachments);
    expect(withoutAttachments(element)).to.deep.equal({ name: 'n', ips: ['10.0.0.1'], 'cni-args': { nics: 1 } });
    expect(withoutAttachments(withAttachments({ name: 'n' }, attachments))).to.deep.equal({ name: 'n' });
  });

  for (const bad of [undefined, null, {}, [], [1], [{ master: 'eth1' }], [{ netAddress: 'x', addresses: [1] }], 'x']) {
    it(`are not read from ${JSON.stringify(bad)}`, () => {
      expect(readAttachments({ [attachmentsKey]: bad })).to.equal(undefined);
    });
  }

  it('are the same whatever the order of keys', () => {
    const [first] = attachments;
    expect(
      sameAttachments(attachments, [{ addresses: first!.addresses, netAddress: first!.netAddress, master: 'eth1' }]),
    ).to.equal(true);
    expect(sameAttachments(attachments, [{ ...first!, addresses: ['10.200.0.2/19'] }])).to.equal(false);
    expect(sameAttachments(attachments, undefined)).to.equal(false);
  });
});
