import { buildCni } from '../../build/buildCni.ts';
import { renderingKubectl } from '../../build/kubectl.ts';
import { progress } from '../../build/progress.ts';
import { prepareClusters } from '../cluster/index.ts';
import { umlKernel } from '../uml/kernel.ts';

/** What `make setup` does: everything that tests, demo and benchmarks need, built or found in the cache, saying what it does. */
try {
  await prepareClusters(true);
  await buildCni();
  await renderingKubectl();
  await umlKernel();
} catch (error) {
  progress(`set-up failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
