import { writeFileSync } from 'node:fs';
import { cgroupMounts } from './cgroups.ts';
import { containerdSocket } from './containerd.ts';
import { pauseImage } from './images.ts';
import type { KeyPairFiles } from './pki.ts';
import { isAtMost, type Version } from './version.ts';

export interface KubeletOptions {
  program: string;
  version: Version;
  nodeName: string;
  nodeAddress: string;
  podRange: string;
  cgroup: string;
  kubeconfig: string;
  caFile: string;
  serving: KeyPairFiles;
  configFile: string;
}

/** Writes a kubelet's configuration and returns its command line. Its folders are the kubelet's defaults. */
export function writeKubeletConfig(options: KubeletOptions): string[] {
  const { version } = options;
  const endpoint = `unix://${containerdSocket}`;
  const flagsForRuntime = isAtMost(version, 26);
  const config = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: options.nodeAddress,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: false },
      x509: { clientCAFile: options.caFile },
    },
    authorization: { mode: 'AlwaysAllow' },
    tlsCertFile: options.serving.certificate,
    tlsPrivateKeyFile: options.serving.privateKey,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${options.cgroup}`,
    ...(!isAtMost(version, 30) && cgroupMounts().version === 1 && { failCgroupV1: false }),
    failSwapOn: false,
    enforceNodeAllocatable: [],
    makeIPTablesUtilChains: false,
    podCIDR: options.podRange,
    resolvConf: '',
    // the disk and the memory are the machine's, shared by all nodes
    evictionHard: { 'memory.available': '1Mi', 'nodefs.available': '1Mi', 'imagefs.available': '1Mi' },
    imageGCHighThresholdPercent: 100,
    nodeStatusUpdateFrequency: '2s',
    serializeImagePulls: false,
    volumePluginDir: '/var/lib/kubelet/volume-plugins',
    ...(!flagsForRuntime && { containerRuntimeEndpoint: endpoint }),
  };
  writeFileSync(options.configFile, JSON.stringify(config, null, 2)); // JSON is YAML
  const runtime = [
    '--container-runtime=remote',
    `--container-runtime-endpoint=${endpoint}`,
    `--pod-infra-container-image=${pauseImage}`,
  ];
  return [
    options.program,
    `--config=${options.configFile}`,
    `--kubeconfig=${options.kubeconfig}`,
    `--hostname-override=${options.nodeName}`,
    `--node-ip=${options.nodeAddress}`,
    '--v=2',
    ...(flagsForRuntime ? runtime : []),
  ];
}
