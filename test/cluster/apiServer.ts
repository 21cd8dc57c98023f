import { Component } from './component.ts';
import type { Pki } from './pki.ts';

export interface ApiServerOptions {
  program: string;
  logFile: string;
  pki: Pki;
  etcd: string;
  /** Where it listens; also in its certificate. */
  address: string;
  port: number;
  /** The range of Service addresses; its first one is the API server's own Service. */
  serviceRange: string;
  serviceAddress: string;
  /** Admission plugins of the default set that are to be left out. */
  disabledAdmission: readonly string[];
  extraArgs: readonly string[];
  env: NodeJS.ProcessEnv;
}

/** The API server, with the authorizers and admission plugins of an ordinary cluster. */
export async function createApiServer(options: ApiServerOptions): Promise<Component> {
  const { pki } = options;
  const names = [options.address, '127.0.0.1', options.serviceAddress, 'localhost'];
  const services = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];
  const [serving, kubeletClient, proxyClient] = await Promise.all([
    pki.server('apiserver', [...new Set([...names, ...services])]),
    pki.client('apiserver-kubelet-client', { commonName: 'apiserver-kubelet', organizations: ['system:masters'] }),
    pki.client('front-proxy-client', { commonName: 'front-proxy-client' }),
  ]);
  const disabled = options.disabledAdmission.join(',');
  return new Component({
    name: 'kube-apiserver',
    logFile: options.logFile,
    env: options.env,
    argv: [
      options.program,
      `--etcd-servers=${options.etcd}`,
      `--bind-address=${options.address}`,
      `--advertise-address=${options.address}`,
      `--secure-port=${options.port}`,
      `--client-ca-file=${pki.caFile}`,
      `--tls-cert-file=${serving.certificate}`,
      `--tls-private-key-file=${serving.privateKey}`,
      `--kubelet-client-certificate=${kubeletClient.certificate}`,
      `--kubelet-client-key=${kubeletClient.privateKey}`,
      `--kubelet-certificate-authority=${pki.caFile}`,
      // a node's name cannot be resolved here
      '--kubelet-preferred-address-types=InternalIP',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${pki.serviceAccountKeyFile}`,
      `--service-account-signing-key-file=${pki.serviceAccountKeyFile}`,
      `--requestheader-client-ca-file=${pki.caFile}`,
      '--requestheader-allowed-names=front-proxy-client',
      '--requestheader-extra-headers-prefix=X-Remote-Extra-',
      '--requestheader-group-headers=X-Remote-Group',
      '--requestheader-username-headers=X-Remote-User',
      `--proxy-client-cert-file=${proxyClient.certificate}`,
      `--proxy-client-key-file=${proxyClient.privateKey}`,
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      ...(disabled === '' ? [] : [`--disable-admission-plugins=${disabled}`]),
      `--service-cluster-ip-range=${options.serviceRange}`,
      '--allow-privileged=true',
      // the loopback address may not be an endpoint, and nothing here proxies Services
      '--endpoint-reconciler-type=none',
      ...options.extraArgs,
    ],
  });
}
