import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HostInterfaceSpec } from '../../core/api/types.ts';
import { membersOf } from '../../core/layout/members.ts';
import type { Network } from '../../core/network/network.ts';
import type { ClusterView } from '../../kube/view/clusterView.ts';
import { orUndefined } from '../base/systemErrors.ts';
import type { ConditionState } from '../discovery/hostInterfaceWriter.ts';

const conditionType = 'RdmaShared';

/**
 * Whether pods of networks that hand out NICs can use the RDMA devices of these: in the subsystem's exclusive mode (rdma-system(8)) such a device is in
 * one network namespace, and follows its NIC into the pod's only by the plugin `rdma`. The mode is the administrator's: it is reported, not changed.
 * @param sysfs for example /sys
 */
export async function rdmaCondition(sysfs: string, view: ClusterView, node: string): Promise<ConditionState> {
  const type = conditionType;
  const host = view.host(node)?.spec;
  const networks = view.networks().map(({ state }) => state.network);
  const concerned = networks.filter(network => host && handsOutRdma(network, host));
  if (concerned.length === 0) {
    return {
      type,
      status: 'True',
      reason: 'NoRdma',
      message: 'No network hands out NICs whose RDMA devices have to be shared',
    };
  }
  if (!(await isExclusive(sysfs))) {
    return { type, status: 'True', reason: 'Shared', message: 'Pods can use the RDMA devices of their NICs' };
  }
  const names = concerned.map(({ name }) => name).join(', ');
  const message = `The RDMA subsystem is in exclusive mode, so RDMA devices stay in the host's network namespace, and pods of ${names} cannot use them; name the plugin rdma in spec.plugin.chain of these networks, or have the host load ib_core without netns_mode=0, and run no "rdma system set netns exclusive"`;
  return { type, status: 'False', reason: 'RdmaExclusive', message };
}

function handsOutRdma(network: Network, host: HostInterfaceSpec): boolean {
  const { type, args, chain = [] } = network.spec.plugin;
  if (chain.some(following => following.type === 'rdma')) return false;
  const isMeant = type === 'sriov' ? args?.isRdma === 'true' : type === 'mellanox' || type === 'host-device';
  return isMeant && membersOf(network, host).some(({ nic }) => nic.rdma !== undefined);
}

/** ib_devices_shared_netns (drivers/infiniband/core/device.c), which `rdma system set netns` changes as well. There is none without RDMA. */
async function isExclusive(sysfs: string): Promise<boolean> {
  const text = await orUndefined(readFile(join(sysfs, 'module/ib_core/parameters/netns_mode'), 'utf8'));
  return text?.trim() === 'N';
}
