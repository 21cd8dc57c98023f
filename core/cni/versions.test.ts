import { expect } from 'chai';
import { encodeVersionAnswer, isSupportedVersion, supportedVersions, versionOf } from './versions.ts';

describe('core/cni/versions', () => {
  it('echoes the version of the configuration in the VERSION answer, also one that is not spoken here', () => {
    expect(JSON.parse(encodeVersionAnswer('{"cniVersion":"0.4.0"}'))).to.deep.equal({
      cniVersion: '0.4.0',
      supportedVersions: ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'],
    });
    expect(JSON.parse(encodeVersionAnswer('{"cniVersion":"9.9.9"}'))).to.have.property('cniVersion', '9.9.9');
  });

  for (const config of ['', 'x', 'null', '[]', '7', '{}', '{"cniVersion":""}', '{"cniVersion":1}']) {
    it(`finds no version in ${JSON.stringify(config)} and answers with the newest`, () => {
      expect(versionOf(config)).to.equal(undefined);
      expect(JSON.parse(encodeVersionAnswer(config))).to.have.property('cniVersion', '1.1.0');
    });
  }

  it('knows the versions it speaks', () => {
    for (const version of supportedVersions) expect(isSupportedVersion(version)).to.equal(true);
    for (const version of ['0.2.0', '1.1', '', undefined, null]) expect(isSupportedVersion(version)).to.equal(false);
  });
});
