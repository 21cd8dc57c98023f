import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cluster, type ClusterPlan, clusterPrograms, memoryFolder } from './cluster.ts';
import type { FakeNode } from './fakeNodes.ts';
import { ensureRequirements } from './requirements.ts';
import { claimSlot } from './slots.ts';

export { boxImage, idlePodSpec } from './images.ts';
export type { Cluster } from './cluster.ts';
export type { Component } from './component.ts';
export type { ClusterNode } from './node.ts';

export interface ClusterOptions {
  /** For people only; clusters of one name do not collide. */
  name?: string;
  /** How many real nodes (named node-1, node-2, …), which needs root: none is a control plane alone. */
  nodes?: number;
  /** Node objects without a machine: how many (named fake-1, fake-2, …), or which. */
  fakeNodes?: number | readonly FakeNode[];
  /** How many secondary NICs each real node has. */
  nics?: number;
  /** Default: where there are real nodes. */
  scheduler?: boolean;
  /** Default: where there are real nodes. Without it, pods need no ServiceAccount and nodes no approval. */
  controllerManager?: boolean;
  /** Added to the API server's arguments. */
  apiServerArgs?: readonly string[];
  schedulerArgs?: readonly string[];
  controllerManagerArgs?: readonly string[];
  /** Where logs, certificates and kubeconfigs go; kept at the end. Default: a folder of its own, removed at the end. */
  runFolder?: string;
}

/** Installs, downloads and builds all that clusters need, so that later starts are fast. */
export async function prepareClusters(realNodes: boolean): Promise<void> {
  await ensureRequirements(realNodes);
  await clusterPrograms(realNodes);
}

/** Starts a cluster and waits until it is ready; one that does not become ready is torn down again. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const plan = planOf(options);
  await ensureRequirements(plan.nodes > 0);
  const programs = await clusterPrograms(plan.nodes > 0);
  const record = await claimSlot(options.name ?? 'cluster', slot => {
    const runFolder = options.runFolder ?? join(tmpdir(), `multi-nic-cluster-${randomUUID()}`);
    const temporary = options.runFolder === undefined ? [runFolder] : [];
    return { runFolder, folders: [memoryFolder(slot), ...temporary] };
  });
  const cluster = new Cluster(record, programs);
  try {
    await cluster.start(plan);
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

function planOf(options: ClusterOptions): ClusterPlan {
  const { nodes = 0, nics = 0, fakeNodes = 0 } = options;
  const named = (count: number): FakeNode[] =>
    Array.from({ length: count }, (_, index) => ({ name: `fake-${index + 1}` }));
  return {
    nodes,
    nics,
    fakeNodes: typeof fakeNodes === 'number' ? named(fakeNodes) : fakeNodes,
    scheduler: options.scheduler ?? nodes > 0,
    controllerManager: options.controllerManager ?? nodes > 0,
    apiServerArgs: options.apiServerArgs ?? [],
    schedulerArgs: options.schedulerArgs ?? [],
    controllerManagerArgs: options.controllerManagerArgs ?? [],
  };
}
