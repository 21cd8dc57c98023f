import { Component } from './component.ts';
import type { Pki } from './pki.ts';
import { controllerArgs, type ControllerOptions } from './scheduler.ts';

/** The controller manager, with all controllers that are on by default. */
export function createControllerManager(options: ControllerOptions, pki: Pki, watchNodes: boolean): Component {
  const { logFile, env } = options;
  const argv = [
    ...controllerArgs(options),
    `--service-account-private-key-file=${pki.serviceAccountKeyFile}`,
    `--root-ca-file=${pki.caFile}`,
    '--use-service-account-credentials=true',
    // Node objects without a machine send no heartbeats
    ...(watchNodes ? [] : ['--node-monitor-grace-period=8760h', '--node-startup-grace-period=8760h']),
    ...options.extraArgs,
  ];
  return new Component({ name: 'kube-controller-manager', logFile, env, argv });
}
