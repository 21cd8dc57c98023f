import { Component } from './component.ts';
import { isAtMost, type Version } from './version.ts';

export interface ControllerOptions {
  program: string;
  version: Version;
  kubeconfig: string;
  logFile: string;
  port: number;
  extraArgs: readonly string[];
  env: NodeJS.ProcessEnv;
}

/** The arguments that the scheduler and the controller manager share. */
export function controllerArgs(options: ControllerOptions): string[] {
  return [
    options.program,
    `--kubeconfig=${options.kubeconfig}`,
    `--authentication-kubeconfig=${options.kubeconfig}`,
    `--authorization-kubeconfig=${options.kubeconfig}`,
    '--leader-elect=false',
    // the defaults (20 to 50 a second) suit a shared API server
    '--kube-api-qps=500',
    '--kube-api-burst=1000',
    '--bind-address=127.0.0.1',
    `--secure-port=${options.port}`,
    // the insecure port was opened by default until it was removed in 1.24
    ...(isAtMost(options.version, 23) ? ['--port=0'] : []),
  ];
}

/** The scheduler, with the default profile. */
export function createScheduler(options: ControllerOptions): Component {
  const { logFile, env } = options;
  const argv = [...controllerArgs(options), '-v=2', ...options.extraArgs];
  return new Component({ name: 'kube-scheduler', logFile, env, argv });
}
