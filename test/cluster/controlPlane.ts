import { join } from 'node:path';
import { serviceRange } from './addressing.ts';
import { ApiClient } from './apiClient.ts';
import { createApiServer } from './apiServer.ts';
import type { ControlPlanePrograms } from './binaries.ts';
import type { Component } from './component.ts';
import { createControllerManager } from './controllerManager.ts';
import { createEtcd } from './etcd.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { createPki, type Pki } from './pki.ts';
import { isPortFree, loopbackPorts } from './ports.ts';
import { type ControllerOptions, createScheduler } from './scheduler.ts';

export interface ControlPlaneOptions {
  slot: number;
  programs: ControlPlanePrograms;
  /** Where nodes reach the API server; the loopback address alone without nodes. */
  nodesReachIt: boolean;
  scheduler: boolean;
  controllerManager: boolean;
  /** Whether there are Node objects without machines. */
  fakeNodes: boolean;
  apiServerArgs: readonly string[];
  schedulerArgs: readonly string[];
  controllerManagerArgs: readonly string[];
  runFolder: string;
  logs: string;
  /** etcd's data. */
  dataFolder: string;
  env: NodeJS.ProcessEnv;
}

/** etcd, the API server and, where wanted, the scheduler and the controller manager. */
export interface ControlPlane {
  /** https://address:port */
  server: string;
  pki: Pki;
  /** The administrator's kubeconfig. */
  kubeconfig: string;
  /** With the administrator's certificate. */
  client: ApiClient;
  etcd: Component;
  apiServer: Component;
  scheduler?: Component;
  controllerManager?: Component;
}

/** Starts etcd and the API server and waits until it is ready. */
export async function startApiServer(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { slot, logs, env, programs } = options;
  const [client = 0, peer = 0, apiPort = 0] = await loopbackPorts(slot, 3);
  const etcd = createEtcd({
    program: programs.etcd,
    dataFolder: options.dataFolder,
    logFile: join(logs, 'etcd.log'),
    clientPort: client,
    peerPort: peer,
    env,
  });
  etcd.component.start();
  const pki = await createPki(join(options.runFolder, 'pki'));
  const endpoint = await apiServerEndpoint(slot, options.nodesReachIt, apiPort);
  const services = serviceRange(slot);
  const apiServer = await createApiServer({
    program: programs.apiServer,
    logFile: join(logs, 'kube-apiserver.log'),
    pki,
    etcd: etcd.endpoint,
    ...endpoint,
    serviceRange: services.range,
    serviceAddress: services.first,
    disabledAdmission: disabledAdmission(options),
    extraArgs: options.apiServerArgs,
    env,
  });
  apiServer.start();
  const server = `https://${endpoint.address}:${endpoint.port}`;
  const admin = { commonName: 'admin', organizations: ['system:masters'] };
  const kubeconfig = await writeKubeconfig(pki, options.runFolder, server, admin);
  const apiClient = new ApiClient(server, pki.caCertificate, pki.files('admin'));
  await apiServer.waitUntil(() => apiClient.isReady());

  return { server, pki, kubeconfig, client: apiClient, etcd: etcd.component, apiServer };
}

/** Starts the scheduler and the controller manager, where wanted, and waits until pods can be created. */
export async function startControllers(controlPlane: ControlPlane, options: ControlPlaneOptions): Promise<void> {
  const { programs, slot, logs, env, runFolder } = options;
  const { pki, server, client } = controlPlane;
  const [schedulerPort = 0, managerPort = 0] = await loopbackPorts(slot, 2);
  const common = async (name: string): Promise<Omit<ControllerOptions, 'program' | 'port' | 'extraArgs'>> => ({
    version: programs.version,
    kubeconfig: await writeKubeconfig(pki, runFolder, server, { commonName: `system:${name}` }),
    logFile: join(logs, `${name}.log`),
    env,
  });
  if (options.scheduler) {
    const name = 'kube-scheduler';
    const program = given(programs.scheduler, name);
    const own = { program, port: schedulerPort, extraArgs: options.schedulerArgs };
    controlPlane.scheduler = createScheduler({ ...(await common(name)), ...own });
    controlPlane.scheduler.start();
  }
  if (options.controllerManager) {
    const name = 'kube-controller-manager';
    const program = given(programs.controllerManager, name);
    const own = { program, port: managerPort, extraArgs: options.controllerManagerArgs };
    const manager = createControllerManager({ ...(await common(name)), ...own }, pki, !options.fakeNodes);
    controlPlane.controllerManager = manager;
    manager.start();
    await manager.waitUntil(() => hasDefaultServiceAccount(client));
  }
}

/**
 * With nodes, the API server listens at the address of its own Service, which the machine has on its link to the nodes:
 * so pods find it where they are told to look, without a service proxy.
 */
async function apiServerEndpoint(
  slot: number,
  nodesReachIt: boolean,
  port: number,
): Promise<{ address: string; port: number }> {
  if (!nodesReachIt) return { address: '127.0.0.1', port };
  const address = serviceRange(slot).first;
  if (await isPortFree(address, 443)) return { address, port: 443 };
  throw new Error(
    'Another program listens on port 443 of every address; clusters with nodes need that port on their own',
  );
}

/** Admission plugins that wait for something which only the controller manager does. */
function disabledAdmission({ controllerManager, fakeNodes }: ControlPlaneOptions): string[] {
  return [
    // refuses pods until there is a default ServiceAccount
    ...(controllerManager ? [] : ['ServiceAccount']),
    // taints new nodes until the controller manager sees that they are ready
    ...(controllerManager && !fakeNodes ? [] : ['TaintNodesByCondition']),
  ];
}

/** Until the controller manager has made it, the API server refuses every pod. */
async function hasDefaultServiceAccount(client: ApiClient): Promise<boolean> {
  return (await client.send('GET', '/api/v1/namespaces/default/serviceaccounts/default')).status === 200;
}

function given(program: string | undefined, name: string): string {
  if (program === undefined) throw new Error(`KUBEBUILDER_ASSETS has no ${name}: put one there, or do without it`);
  return program;
}
