/**
 * The CNI executable: hands the call to the agent of this node and prints its answer. It decides nothing. It is compiled to a static
 * native program by QuickJS, so that a call takes milliseconds on any node and depends on nothing on the host.
 */
import './native.ts';
import { cniCodes, CniError, encodeCniError } from '../core/cni/error.ts';
import { newestVersion } from '../core/cni/versions.ts';
import { answerOf, type Outcome } from './call.ts';

const outcome = runGuarded();
if (outcome.log !== undefined) native.write(2, outcome.log);
const written = native.write(1, outcome.stdout);
native.exit(written === 0 ? outcome.exitCode : 1);

/** A mistake of the program itself must reach the runtime as a CNI error too. */
function runGuarded(): Outcome {
  try {
    return answerOf(native);
  } catch (error) {
    const details = error instanceof Error ? `${error.message}\n${error.stack ?? ''}` : String(error);
    const failure = new CniError(cniCodes.internal, 'the multi-nic executable failed', details);
    return { exitCode: 1, stdout: encodeCniError(failure, newestVersion) };
  }
}
