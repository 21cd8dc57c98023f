import { expect } from 'chai';
import { askedFor, prevResultOf, readConfig, validAttachmentsOf } from './config.ts';
import { CniError } from './error.ts';

const base = { cniVersion: '1.0.0', name: 'train', type: 'multi-nic', plugin: { type: 'ipvlan' } };

function refusal(config: unknown): [code: number, message: string] {
  try {
    const read = readConfig(typeof config === 'string' ? config : JSON.stringify(config));
    askedFor(read);
    prevResultOf(read);
    validAttachmentsOf(read);
  } catch (error) {
    if (error instanceof CniError) return [error.code, error.message];
    throw error;
  }
  throw new Error('it was not refused');
}

describe('readConfig', () => {
  it('reads what Multus adds for a selection element', () => {
    const config = readConfig(
      JSON.stringify({
        ...base,
        args: { cni: { nics: 2 } },
        runtimeConfig: { ips: ['10.0.0.5/24'], mac: '02:00:00:00:00:0A' },
      }),
    );
    expect(config).to.deep.include({ cniVersion: '1.0.0', name: 'train', chained: false });
    const asked = { ips: ['10.0.0.5/24'], mac: '02:00:00:00:00:0a', cniArgs: { nics: 2 } };
    expect(askedFor(config)).to.deep.include(asked);
  });

  it('is chained if it says so or has no plugin section', () => {
    const last = { ...base, plugin: undefined };
    expect(readConfig(JSON.stringify({ ...last, prevResult: {} })).chained).to.equal(true);
    expect(readConfig(JSON.stringify(last), 'DEL').chained).to.equal(true);
    expect(readConfig(JSON.stringify({ ...base, mode: 'chained' })).chained).to.equal(true);
  });

  it('answers mistakes with the code of the specification', () => {
    expect(refusal('{"cniVersion":')[0]).to.equal(6);
    expect(refusal('[]')[0]).to.equal(7);
    expect(refusal({ ...base, cniVersion: '2.0.0' })).to.deep.equal([
      1,
      'cniVersion "2.0.0" is not one of 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0',
    ]);
    expect(refusal({ ...base, cniVersion: undefined })[0]).to.equal(1);
    expect(refusal({ ...base, name: '' })).to.deep.equal([
      7,
      'The network configuration is not usable: name is missing',
    ]);
    for (const wrong of [
      { runtimeConfig: [] },
      { runtimeConfig: { ips: '10.0.0.5' } },
      { runtimeConfig: { mac: 'x' } },
      { args: { cni: 5 } },
      { prevResult: 'x' },
      { 'cni.dev/valid-attachments': [{ containerID: 'x' }] },
    ]) {
      expect(refusal({ ...base, ...wrong })[0], JSON.stringify(wrong)).to.equal(7);
    }
  });

  it('takes DEL in any version', () => {
    for (const cniVersion of [undefined, '0.1.0', '2.0.0', 2])
      expect(readConfig(JSON.stringify({ ...base, cniVersion }), 'DEL')).to.include({ name: 'train', chained: false });
  });

  it('reads the attachments of GC, also under their old key', () => {
    const list = [{ containerID: 'a', ifname: 'net1' }];
    for (const key of ['cni.dev/valid-attachments', 'cni.dev/attachments']) {
      expect(validAttachmentsOf(readConfig(JSON.stringify({ ...base, [key]: list })))).to.deep.equal(list);
      expect(validAttachmentsOf(readConfig(JSON.stringify({ ...base, [key]: null })))).to.deep.equal([]);
    }
    expect(validAttachmentsOf(readConfig(JSON.stringify(base)))).to.equal(undefined);
  });
});
