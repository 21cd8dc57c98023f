import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDebianPrograms } from './debianPrograms.ts';
import { ensureKubernetes } from './kubernetesBuild.ts';
import { kubernetesVersion, type Version } from './version.ts';

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

/** The programs of a node. */
export interface NodePrograms {
  kubelet: string;
  kubeletVersion: Version;
  containerd: string;
  runc: string;
  /** The folder of the reference CNI plugins. */
  cniPlugins: string;
  busybox: string;
  /** What PATH must begin with, so that these programs find each other. */
  path: string;
}

/** A kubelet may be this many minor versions older than its API server (Kubernetes' version skew policy), never newer. */
const kubeletSkew = 3;

/** Finds the control plane's programs: those of KUBEBUILDER_ASSETS, where set, or Kubernetes 1.20 built from Debian's source. */
export async function controlPlanePrograms(): Promise<ControlPlanePrograms> {
  const assets = process.env.KUBEBUILDER_ASSETS;
  if (assets !== undefined && assets !== '') return assetPrograms(assets);
  const [kubernetes, debian] = await Promise.all([ensureKubernetes(), ensureDebianPrograms()]);
  const apiServer = join(kubernetes, 'kube-apiserver');
  return {
    version: await kubernetesVersion(apiServer),
    apiServer,
    scheduler: join(kubernetes, 'kube-scheduler'),
    controllerManager: join(kubernetes, 'kube-controller-manager'),
    etcd: join(debian, 'usr/bin/etcd'),
    kubectl: join(debian, 'usr/bin/kubectl'),
  };
}

/**
 * Finds a node's programs.
 * @throws Error where KUBEBUILDER_ASSETS has no kubelet and the one built here does not suit its API server.
 */
export async function nodePrograms(controlPlane: Version): Promise<NodePrograms> {
  const debian = await ensureDebianPrograms();
  const given = assetPath('kubelet');
  const kubelet = given ?? join(await ensureKubernetes(), 'kubelet');
  const kubeletVersion = await kubernetesVersion(kubelet);
  const older = controlPlane.minor - kubeletVersion.minor;
  if (older < 0 || older > kubeletSkew) {
    throw new Error(
      `Real nodes are not available: KUBEBUILDER_ASSETS has no kubelet that suits its API server 1.${controlPlane.minor}, and ` +
        `${kubelet} is 1.${kubeletVersion.minor}. Put a kubelet there, or unset KUBEBUILDER_ASSETS`,
    );
  }
  const bin = join(debian, 'usr/bin');
  const busybox = [join(debian, 'bin/busybox'), join(bin, 'busybox')].find(existsSync);
  if (busybox === undefined) throw new Error(`${debian} has no busybox`);
  return {
    kubelet,
    kubeletVersion,
    containerd: join(bin, 'containerd'),
    runc: join(debian, 'usr/sbin/runc'),
    cniPlugins: join(debian, 'usr/lib/cni'),
    busybox,
    path: `${bin}:${join(debian, 'usr/sbin')}`,
  };
}

async function assetPrograms(folder: string): Promise<ControlPlanePrograms> {
  const required = (name: string): string => {
    const path = join(folder, name);
    if (!existsSync(path)) throw new Error(`KUBEBUILDER_ASSETS is ${folder}, which has no ${name}`);
    return path;
  };
  const apiServer = required('kube-apiserver');
  const scheduler = assetPath('kube-scheduler');
  const controllerManager = assetPath('kube-controller-manager');
  return {
    version: await kubernetesVersion(apiServer),
    apiServer,
    etcd: required('etcd'),
    kubectl: required('kubectl'),
    ...(scheduler !== undefined && { scheduler }),
    ...(controllerManager !== undefined && { controllerManager }),
  };
}

/** The path of a program in KUBEBUILDER_ASSETS; undefined where that is unset, or has none of that name. */
function assetPath(name: string): string | undefined {
  const folder = process.env.KUBEBUILDER_ASSETS;
  if (folder === undefined || folder === '') return undefined;
  const path = join(folder, name);
  return existsSync(path) ? path : undefined;
}
