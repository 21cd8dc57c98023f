#!/usr/bin/env node
/** kubectl-multinic. Only wires; see --help. */
import { runAudit } from './audit.ts';
import { help, parseFlags, type AuditFlags } from './flags.ts';

function readFlags(): AuditFlags | undefined {
  try {
    const flags = parseFlags(process.argv.slice(2));
    if (!flags) process.stdout.write(help);
    return flags;
  } catch (error) {
    process.stderr.write(`kubectl-multinic: ${error instanceof Error ? error.message : String(error)}\n\n${help}`);
    process.exitCode = 2;
    return undefined;
  }
}

async function main(flags: AuditFlags): Promise<void> {
  try {
    const { report, isClean } = await runAudit(flags);
    process.stdout.write(report);
    process.exitCode = isClean ? 0 : 1;
  } catch (error) {
    process.stderr.write(
      `kubectl-multinic: the cluster cannot be audited: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    process.exitCode = 2;
  }
}

const flags = readFlags();
if (flags) await main(flags);
