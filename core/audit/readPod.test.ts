import { expect } from 'chai';
import { formatFound } from '../annotation/foundInterfaces.ts';
import { annotation } from '../api/names.ts';
import { auditedPod, type PodObject } from './readPod.ts';

const at = (second: number): string => `2026-01-01T00:00:${String(second).padStart(2, '0')}.000Z`;
const running = { state: {} };
const ended = { state: { terminated: { finishedAt: at(9) } } };

function ends(
  status: NonNullable<PodObject['status']>,
  more: Partial<PodObject['metadata']> = {},
): [boolean, string | undefined] {
  const metadata = { name: 'p', namespace: 'ns', creationTimestamp: at(0), ...more };
  const { isRunning, endedAt } = auditedPod({ metadata, spec: { terminationGracePeriodSeconds: 30 }, status });
  return [isRunning, endedAt?.toISOString()];
}

describe('a pod, as the audit reads it', () => {
  it('runs until its containers have ended finally', () => {
    expect(ends({ phase: 'Running', containerStatuses: [running, ended] })).to.deep.equal([true, undefined]);
    expect(ends({ phase: 'Running', containerStatuses: [ended] })).to.deep.equal([true, undefined]);
    expect(ends({ phase: 'Succeeded', containerStatuses: [ended] })).to.deep.equal([false, at(9)]);
    expect(ends({ phase: 'Failed', containerStatuses: [ended] })).to.deep.equal([false, at(9)]);
  });

  it('has ended where it is deleted and only a finalizer holds it', () => {
    const deleted = { deletionTimestamp: at(8) };
    expect(ends({ phase: 'Running', containerStatuses: [running] }, deleted)).to.deep.equal([true, undefined]);
    expect(ends({ phase: 'Running', containerStatuses: [ended] }, deleted)).to.deep.equal([false, at(9)]);
    const sidecar = { state: { running: {} } };
    const status = { phase: 'Running', containerStatuses: [ended], initContainerStatuses: [sidecar] };
    expect(ends(status, deleted)).to.deep.equal([true, undefined]);
  });

  it('was given nothing where another webhook has moved it to the host network after ours', () => {
    const nics = [{ master: 'eth1', netAddress: '10.1.0.0/16', addresses: ['10.200.0.1/19'] }];
    const networks = JSON.stringify([{ name: 'net', 'cni-args': { 'multinic.fms.io/attachments': nics } }]);
    const metadata = { name: 'p', namespace: 'ns', annotations: { [annotation.networks]: networks } };
    expect(auditedPod({ metadata }).attachments).to.have.length(1);
    expect(auditedPod({ metadata, spec: { hostNetwork: true } }).attachments).to.deep.equal([]);
  });

  it('is told apart from those that stay while it is being deleted', () => {
    const metadata = { name: 'p', namespace: 'ns', deletionTimestamp: at(8) };
    expect(auditedPod({ metadata, status: { phase: 'Running' } })).to.include({ isRunning: true, isDeleted: true });
  });

  it('has its grace period left where it failed and its kubelet does not tell of its containers', () => {
    const managedFields = [{ time: at(1) }, { time: at(12) }];
    // DeadlineExceeded, Evicted, and one without a time of its own.
    expect(ends({ phase: 'Failed', containerStatuses: [running] }, { managedFields })).to.deep.equal([false, at(42)]);
    expect(ends({ phase: 'Failed', conditions: [{ lastTransitionTime: at(5) }] })).to.deep.equal([false, at(35)]);
    expect(ends({ phase: 'Failed' })).to.deep.equal([false, at(30)]);
  });

  it('has the interfaces of its network-status once it is its own: while its init containers run, too', () => {
    const status = [
      { name: 'cluster', default: true, ips: ['10.244.0.7'] },
      { name: 'ns/train', interface: 'net1', ips: ['10.200.0.1'] },
    ];
    const annotations = { 'k8s.v1.cni.cncf.io/network-status': JSON.stringify(status) };
    const addresses = (of: NonNullable<PodObject['status']>): string[] =>
      auditedPod({ metadata: { name: 'p', namespace: 'ns', annotations }, status: of }).interfaces.flatMap(
        link => link.addresses,
      );
    expect(addresses({ phase: 'Running' })).to.deep.equal(['10.200.0.1']);
    expect(addresses({ phase: 'Pending', podIPs: [{ ip: '10.244.0.7' }] })).to.deep.equal(['10.200.0.1']);
    expect(addresses({ phase: 'Pending', podIPs: [{ ip: '10.244.0.8' }] })).to.deep.equal([]);
    expect(addresses({ phase: 'Pending' })).to.deep.equal([]);
    expect(addresses({ phase: 'Failed', podIPs: [{ ip: '10.244.0.7' }] })).to.deep.equal([]);
  });

  it('has what its node’s agent has found, and not what an agent found in the pod that it was copied from', () => {
    const interfaces = [{ network: 'train', interface: 'net1-0', ips: ['10.200.0.9'] }];
    const annotations = { 'multinic.fms.io/found-interfaces': formatFound('own', interfaces) };
    const of = (uid: string, phase = 'Running'): object => {
      const pod = auditedPod({ metadata: { name: 'p', namespace: 'ns', uid, annotations }, status: { phase } });
      return { interfaces: pod.interfaces, isChanged: pod.isChanged };
    };
    const [{ network, interface: name }] = interfaces as [(typeof interfaces)[number]];
    const link = { network, interface: name, addresses: ['10.200.0.9'] };
    expect(of('own')).to.deep.equal({ interfaces: [link], isChanged: true });
    expect(of('another')).to.deep.equal({ interfaces: [], isChanged: undefined });
    expect(of('own', 'Succeeded')).to.deep.equal({ interfaces: [], isChanged: undefined });
  });
});
