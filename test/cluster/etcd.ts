import { Component } from './component.ts';

export interface EtcdOptions {
  program: string;
  dataFolder: string;
  logFile: string;
  clientPort: number;
  peerPort: number;
  env: NodeJS.ProcessEnv;
}

/** A single-member etcd on the loopback address; it needs no readiness probe, since the API server waits for it. */
export function createEtcd(options: EtcdOptions): { component: Component; endpoint: string } {
  const endpoint = `http://127.0.0.1:${options.clientPort}`;
  const peer = `http://127.0.0.1:${options.peerPort}`;
  const component = new Component({
    name: 'etcd',
    logFile: options.logFile,
    env: options.env,
    argv: [
      options.program,
      ...['--data-dir', options.dataFolder],
      ...['--listen-client-urls', endpoint, '--advertise-client-urls', endpoint],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`],
      ...['--log-level', 'warn'],
    ],
  });
  return { component, endpoint };
}
