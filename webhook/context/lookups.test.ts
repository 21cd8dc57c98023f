import { expect } from 'chai';
import { isMultiNicError } from '../../core/errors.ts';
import { AnsweringServer, answerJson } from '../../test/answeringServer.ts';
import { network } from '../../test/core/networks.ts';
import { checkNoNetwork } from './lookups.ts';

describe('that there is no network', () => {
  const refused = async (status: number, body: object): Promise<string | undefined> => {
    await using server = await AnsweringServer.start((_, response) => answerJson(response, status, body));
    try {
      await checkNoNetwork(server, 'team', { remainingMs: () => 10_000 });
      return undefined;
    } catch (error) {
      return isMultiNicError(error) ? error.code : String(error);
    }
  };
  const list = (...namespaces: string[][]): object => ({
    metadata: {},
    items: namespaces.map((names, i) => network(`n${i}`, { namespaces: names })),
  });

  it('is so where the API server has none for the namespace', async () => {
    expect(await refused(200, list())).to.equal(undefined);
    expect(await refused(200, list(['other']))).to.equal(undefined);
  });

  it('is not believed of a copy that lags', async () => {
    expect(await refused(200, list(['other'], ['team']))).to.equal('MNN_NETWORK_NOT_READY');
  });

  it('is not so where somebody has deleted the CustomResourceDefinition', async () => {
    expect(await refused(404, { kind: 'Status', reason: 'NotFound' })).to.equal('MNN_NOT_INSTALLED');
  });
});
