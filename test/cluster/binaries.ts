import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { kubernetesVersion, type Version } from './version.ts';

/** A line of progress for the person who waits. */
export type Progress = (line: string) => void;

/** The programs of a control plane. */
export interface ControlPlanePrograms {
  version: Version;
  etcd: string;
  apiServer: string;
  kubectl: string;
  /** Absent where KUBEBUILDER_ASSETS has none. */
  scheduler?: string;
  controllerManager?: string;
}

/** Where built and downloaded programs are kept. */
export function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'multi-nic');
}

export async function controlPlanePrograms(progress: Progress): Promise<ControlPlanePrograms> {
  const assets = process.env.KUBEBUILDER_ASSETS;
  const built = join(cacheFolder(), 'kubernetes-1.20', 'bin');
  const debian = join(cacheFolder(), 'debian', 'root', 'usr', 'bin');
  const folder = assets ?? built;
  progress(`Kubernetes programs of ${folder}`);
  const optional = (name: string): string | undefined => {
    const path = join(folder, name);
    return existsSync(path) ? path : undefined;
  };
  const apiServer = join(folder, 'kube-apiserver');
  const scheduler = optional('kube-scheduler');
  const controllerManager = optional('kube-controller-manager');
  return {
    version: await kubernetesVersion(apiServer),
    etcd: join(assets ?? debian, 'etcd'),
    apiServer,
    kubectl: join(assets ?? debian, 'kubectl'),
    ...(scheduler !== undefined && { scheduler }),
    ...(controllerManager !== undefined && { controllerManager }),
  };
}
