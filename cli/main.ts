#!/usr/bin/env node
/** kubectl-multinic. Only wires; see --help. */
import { messageOf } from '../core/errors.ts';
import { isNotFound } from '../kube/api/errors.ts';
import { runProgram } from '../kube/process/commandLine.ts';
import { runAudit } from './audit.ts';
import { type AuditFlags, help, type ImportFlags, parseFlags } from './flags.ts';
import { runImport } from './import.ts';

async function main(flags: AuditFlags | ImportFlags): Promise<void> {
  try {
    const { report, isClean } = await (flags.command === 'audit' ? runAudit(flags) : runImport(flags));
    process.stdout.write(report);
    process.exitCode = isClean ? 0 : 1;
  } catch (error) {
    const failed = flags.command === 'audit' ? 'the cluster cannot be audited' : 'the import failed';
    process.stderr.write(`kubectl-multinic: ${failed}: ${reasonOf(error)}\n`);
    process.exitCode = 2;
  }
}

function reasonOf(error: unknown): string {
  // With a reason, one object is missing; without, the API server does not know the resource.
  if (isNotFound(error) && error.reason === '') {
    return `multi-nic is not installed there (${error.message}). Choose the cluster with --context or --kubeconfig.`;
  }
  return messageOf(error);
}

await runProgram({ name: 'kubectl-multinic', help, see: '"kubectl multinic --help"', parseFlags }, main);
