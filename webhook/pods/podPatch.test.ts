import { expect } from 'chai';
import fc from 'fast-check';
import jsonpatch from 'jsonpatch';
import { annotation, extendedResourceName, label } from '../../core/api/names.ts';
import type { AdmittedPod, ContainerResources } from '../review/pod.ts';
import { type PodOutcome, podPatch } from './podPatch.ts';

const absent = { freq: 3, nil: undefined } as const;
const reserved: string[] = [annotation.reservation, annotation.reservationFor];
const names = fc.dictionary(fc.constantFrom('team', 'multinic.fms.io/x', ...reserved), fc.string(), {
  noNullPrototype: true,
});
const quantities = fc.dictionary(fc.constantFrom('cpu', 'memory', extendedResourceName('a')), fc.nat(9).map(String), {
  noNullPrototype: true,
});

function withoutUndefined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

const resources = fc
  .record({ limits: fc.option(quantities, absent), requests: fc.option(quantities, absent) })
  .map(r => withoutUndefined(r) as ContainerResources);
const container = fc.option(resources, absent).map(r => withoutUndefined({ name: 'c', resources: r }));
const anyPod = fc
  .record({
    labels: fc.option(names, absent),
    annotations: fc.option(names, absent),
    containers: fc.array(container, { minLength: 1, maxLength: 3 }),
  })
  .map(
    ({ containers, ...metadata }) => ({ metadata: withoutUndefined(metadata), spec: { containers } }) as AdmittedPod,
  );
const anyOutcome = fc
  .record({
    networks: fc.string(),
    reservation: fc.option(fc.uuid(), absent),
    reservationFor: fc.option(fc.constant('0123456789ab'), absent),
    resources: fc.array(
      fc.tuple(fc.constantFrom(extendedResourceName('a'), extendedResourceName('b')), fc.integer({ min: 1, max: 3 })),
    ),
  })
  .map(({ resources: list, ...rest }) => withoutUndefined({ ...rest, resources: new Map(list) }) as PodOutcome);

function patched(pod: AdmittedPod, outcome: PodOutcome): AdmittedPod {
  return jsonpatch.apply_patch(pod, podPatch(pod, outcome).operations);
}

describe('the patch of a pod', () => {
  it('adds what was decided and keeps everything else', () => {
    fc.assert(
      fc.property(anyPod, anyOutcome, (pod, outcome) => {
        const after = patched(pod, outcome);
        const others = Object.fromEntries(
          Object.entries(pod.metadata.annotations ?? {}).filter(([name]) => !reserved.includes(name)),
        );
        expect(after.metadata.annotations).to.deep.equal({
          ...others,
          [annotation.networks]: outcome.networks,
          ...(outcome.reservation && { [annotation.reservation]: outcome.reservation }),
          ...(outcome.reservationFor && { [annotation.reservationFor]: outcome.reservationFor }),
        });
        expect(after.metadata.labels).to.deep.equal({ ...pod.metadata.labels, [label.injected]: 'true' });
        expect(after.spec.containers.slice(1)).to.deep.equal(pod.spec.containers.slice(1));
        const [before, now] = [pod.spec.containers[0]?.resources, after.spec.containers[0]?.resources];
        expect(now?.limits ?? {}).to.include(before?.limits ?? {});
        expect(now?.requests ?? {}).to.include(before?.requests ?? {});
      }),
    );
  });

  it('has no operation for a pod that has it already', () => {
    fc.assert(
      fc.property(anyPod, anyOutcome, (pod, outcome) => {
        expect(podPatch(patched(pod, outcome), outcome).operations).to.deep.equal([]);
      }),
    );
  });

  it('asks for one of the resource for each attachment', () => {
    const pod: AdmittedPod = { metadata: {}, spec: { containers: [{ name: 'a' }, { name: 'b' }] } };
    const after = patched(pod, { networks: '[]', resources: new Map([['multinic.fms.io/fast', 2]]) });
    const quantity = { 'multinic.fms.io/fast': '2' };
    expect(after.spec.containers[0]?.resources).to.deep.equal({ limits: quantity, requests: quantity });
    expect(after.spec.containers[1]).to.deep.equal({ name: 'b' });
  });

  it('asks in the container that the pod names as its default, before which others may have been put', () => {
    const outcome = { networks: '[]', resources: new Map([['example.com/vf', 2]]) };
    const askingOf = (name: string) => {
      const annotations = { 'kubectl.kubernetes.io/default-container': name };
      const pod: AdmittedPod = {
        metadata: { annotations },
        spec: { containers: [{ name: 'proxy' }, { name: 'main', resources: { limits: { cpu: '1' } } }] },
      };
      return patched(pod, outcome).spec.containers.flatMap(c =>
        c.resources?.requests?.['example.com/vf'] ? c.name : [],
      );
    };
    expect(askingOf('main')).to.deep.equal(['main']);
    expect(askingOf('gone')).to.deep.equal(['proxy']);
  });

  it('warns where the user asks for less than the networks take, and leaves it', () => {
    const asked = { limits: { 'multinic.fms.io/fast': '1' } };
    const pod: AdmittedPod = { metadata: {}, spec: { containers: [{ name: 'a' }, { name: 'b', resources: asked }] } };
    const { warnings } = podPatch(pod, { networks: '[]', resources: new Map([['multinic.fms.io/fast', 2]]) });
    expect(warnings).to.deep.equal(["the containers ask for 1 multinic.fms.io/fast, the pod's networks take 2"]);
    expect(patched(pod, { networks: '[]', resources: new Map([['multinic.fms.io/fast', 2]]) }).spec).to.deep.equal(
      pod.spec,
    );
  });

  it('counts what sidecars ask for, which the scheduler adds, and not what init containers do, which others use after them', () => {
    const asked = { requests: { 'example.com/vf': '1' } };
    const outcome = { networks: '[]', resources: new Map([['example.com/vf', 1]]) };
    const withInit = (restartPolicy?: string): AdmittedPod => ({
      metadata: {},
      spec: {
        initContainers: [{ name: 'i', resources: asked, ...(restartPolicy !== undefined && { restartPolicy }) }],
        containers: [{ name: 'a' }],
      },
    });
    expect(patched(withInit('Always'), outcome).spec).to.deep.equal(withInit('Always').spec);
    expect(patched(withInit(), outcome).spec.containers[0]?.resources?.requests).to.deep.equal({
      'example.com/vf': '1',
    });
  });

  it('is refused where annotations would be larger than Kubernetes takes, counted in bytes', () => {
    const pod: AdmittedPod = { metadata: { annotations: { big: 'ä'.repeat(131_060) } }, spec: { containers: [] } };
    expect(() => podPatch(pod, { networks: '[]', resources: new Map() })).to.throw('MNN_ANNOTATIONS_TOO_LARGE');
  });
});
