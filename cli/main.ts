#!/usr/bin/env node
/** kubectl-multinic. Only wires; see --help. */
import { messageOf } from '../core/errors.ts';
import { isNotFound } from '../kube/api/errors.ts';
import { runProgram } from '../kube/process/commandLine.ts';
import { runAudit } from './audit.ts';
import { type AuditFlags, help, type ImportFlags, parseFlags, type PodFlags } from './flags.ts';
import { runImport } from './import.ts';
import { runPod } from './pod.ts';

type Flags = AuditFlags | ImportFlags | PodFlags;

const failed: Readonly<Record<Flags['command'], string>> = {
  audit: 'the cluster cannot be audited',
  import: 'the import failed',
  pod: 'it cannot be told what the pod has',
};

async function main(flags: Flags): Promise<void> {
  try {
    const { report, isClean } = await run(flags);
    process.stdout.write(report);
    process.exitCode = isClean ? 0 : 1;
  } catch (error) {
    process.stderr.write(`kubectl-multinic: ${failed[flags.command]}: ${reasonOf(error)}\n`);
    process.exitCode = 2;
  }
}

function run(flags: Flags): Promise<{ report: string; isClean: boolean }> {
  if (flags.command === 'audit') return runAudit(flags);
  return flags.command === 'pod' ? runPod(flags) : runImport(flags);
}

function reasonOf(error: unknown): string {
  // With a reason, one object is missing; without, the API server does not know the resource.
  if (isNotFound(error) && error.reason === '') {
    return `multi-nic is not installed there (${error.message}). Choose the cluster with --context or --kubeconfig.`;
  }
  return messageOf(error);
}

await runProgram({ name: 'kubectl-multinic', help, see: '"kubectl multinic --help"', parseFlags }, main);
