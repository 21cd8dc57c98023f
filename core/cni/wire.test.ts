import { expect } from 'chai';
import fc from 'fast-check';
import { MultiNicError } from '../errors.ts';
import { cniVariables, decodeAnswer, decodeRequest, encodeAnswer, encodeRequest } from './wire.ts';

const environment = fc.record(Object.fromEntries(cniVariables.map(name => [name, fc.string({ unit: 'binary' })])), {
  requiredKeys: [],
});

/** Runs `decode` and gives what it throws. */
function refusal(decode: () => unknown): MultiNicError {
  try {
    decode();
  } catch (error) {
    if (error instanceof MultiNicError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('core/cni/wire', () => {
  it('carries every request unchanged', () => {
    fc.assert(
      fc.property(environment, fc.string({ unit: 'binary' }), (env, stdin) => {
        expect(decodeRequest(encodeRequest(env, stdin))).to.deep.equal({ version: 1, env: { ...env }, stdin });
      }),
    );
  });

  it('carries every answer unchanged', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), fc.string({ unit: 'binary' }), (exitCode, stdout) => {
        expect(decodeAnswer(encodeAnswer(exitCode, stdout))).to.deep.equal({ version: 1, exitCode, stdout });
      }),
    );
  });

  it('refuses a document cut short at any place', () => {
    const whole = encodeAnswer(0, '{"cniVersion":"1.1.0"}');
    for (let length = 0; length < whole.length; length += 1) {
      expect(refusal(() => decodeAnswer(whole.slice(0, length))).code).to.equal('MNN_WIRE_INVALID');
    }
  });

  it('drops variables that are not CNI variables', () => {
    const text = JSON.stringify({ version: 1, env: { CNI_COMMAND: 'ADD', PATH: '/bin' }, stdin: '' });
    expect(decodeRequest(text).env).to.deep.equal({ CNI_COMMAND: 'ADD' });
  });

  for (const [text, place] of [
    ['[]', 'not a JSON object'],
    ['{"env":{},"stdin":""}', 'version is missing'],
    ['{"version":2,"env":{},"stdin":""}', 'version is 2, not 1'],
    ['{"version":1,"env":[],"stdin":""}', 'env is not an object'],
    ['{"version":1,"env":{"CNI_IFNAME":1},"stdin":""}', 'env.CNI_IFNAME is not a string'],
    ['{"version":1,"env":{}}', 'stdin is not a string'],
  ] as const) {
    it(`names the place in the request ${text}`, () => {
      expect(refusal(() => decodeRequest(text)).detail).to.contain(place);
    });
  }

  for (const exitCode of ['"0"', '-1', '256', '0.5', 'null']) {
    it(`refuses the exit code ${exitCode}`, () => {
      const text = `{"version":1,"exitCode":${exitCode},"stdout":""}`;
      expect(refusal(() => decodeAnswer(text)).detail).to.contain('exitCode');
    });
  }
});
