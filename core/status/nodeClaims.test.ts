import { expect } from 'chai';
import { bandwidthResourceName, extendedResourceName, nicCountLabel } from '../api/names.ts';
import { type ClaimingPod, claimsOf, keepClaimed, type NodeShares, takesFrom } from './nodeClaims.ts';

const addresses = extendedResourceName('net');
const mbps = bandwidthResourceName('net');
const nics = nicCountLabel('net');

function pod(requests: Record<string, string>, least?: number, phase = 'Running'): ClaimingPod {
  const matchExpressions = [{ key: nics, operator: 'Gt', values: [String((least ?? 0) - 1)] }];
  const required = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] } };
  return {
    spec: {
      containers: [{ resources: { requests } }, {}],
      ...(least !== undefined && { affinity: { nodeAffinity: required } }),
    },
    status: { phase },
  };
}

function node(resources: Record<string, number>, labels: Record<string, number> = {}): NodeShares {
  return { resources: new Map(Object.entries(resources)), labels: new Map(Object.entries(labels)) };
}

/** What a node has in the end that had one thing, is to have another, and has these pods. */
function kept(has: NodeShares, wanted: NodeShares, pods: readonly ClaimingPod[]): object {
  const isKept = takesFrom(has, wanted) && keepClaimed(wanted, has, claimsOf(pods));
  return { isKept, ...Object.fromEntries([...wanted.resources, ...wanted.labels]) };
}

describe('what a node is left for the sake of its pods', () => {
  const full = (): NodeShares => node({ [addresses]: 254, [mbps]: 50_000 }, { [nics]: 2 });
  const degraded = (): NodeShares => node({ [addresses]: 254, [mbps]: 25_000 }, { [nics]: 1 });

  it('is nothing where none of them claims more than there is', () => {
    const pods = [pod({ [addresses]: '1', [mbps]: '10k' }, 1), pod({ [mbps]: '40k' }, 2, 'Succeeded')];
    expect(kept(full(), degraded(), pods)).to.deep.equal({
      ...{ isKept: false, [addresses]: 254, [mbps]: 25_000, [nics]: 1 },
    });
    expect(kept(full(), full(), [pod({ [mbps]: '60k' }, 3)])).to.include({ isKept: false, [mbps]: 50_000, [nics]: 2 });
  });

  it('is the bandwidth that they were promised', () => {
    const sidecar = { restartPolicy: 'Always', resources: { requests: { [mbps]: '20k' } } };
    const init = { resources: { requests: { [mbps]: '9k' } } };
    const pods = [pod({ [mbps]: '20k' }), { spec: { containers: [], initContainers: [sidecar, init] } }];
    expect(kept(full(), degraded(), pods)).to.include({ isKept: true, [mbps]: 40_000, [addresses]: 254 });
  });

  it('is the number of NICs that one of them needs, and then no address for other pods', () => {
    const pods = [pod({ [addresses]: '1' }, 2), pod({ [addresses]: '1' })];
    expect(kept(full(), degraded(), pods)).to.include({ isKept: true, [nics]: 2, [addresses]: 2 });
    // A namespace's quota may have kept the pod from asking for addresses.
    expect(kept(full(), degraded(), [pod({}, 2)])).to.deep.equal({ isKept: true, [nics]: 2, [mbps]: 25_000 });
    expect(kept(full(), node({}), pods)).to.deep.equal({ isKept: true, [nics]: 2 });
  });

  it('is never more than there was, and nothing of what is not known', () => {
    const greedy = [pod({ [addresses]: '9k', [mbps]: '900k' }, 99)];
    expect(kept(full(), degraded(), greedy)).to.include({ [mbps]: 50_000, [nics]: 2 });
    const unknown: NodeShares = { resources: new Map([[addresses, undefined]]), labels: new Map([[nics, undefined]]) };
    expect(kept(full(), unknown, greedy)).to.deep.equal({ isKept: false, [addresses]: undefined, [nics]: undefined });
  });
});
