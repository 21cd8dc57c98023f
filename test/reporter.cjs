'use strict';
const { reporters, Runner } = require('mocha');

/**
 * Mocha's spec reporter, and a last line with the counts. In CI a skipped test fails the run, for what is not tested there is not
 * tested anywhere; but for those whose title says that the same run covers them in another way. Promises that nobody handles, which would
 * end a program and which Mocha passes over, are told.
 */
const covered = ['(covered in User-Mode Linux)', '(covered by recorded calls)', '(covered by recorded data)'];

module.exports = class Reporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    let uncovered = 0;
    // Mocha's own listener tells of each once more.
    const told = new WeakSet();
    process.on('unhandledRejection', (reason, promise) => {
      if (told.has(promise)) return;
      told.add(promise);
      console.log(`a rejected promise that nobody handles, during "${runner.currentRunnable?.fullTitle()}":`, reason);
    });
    runner.on(Runner.constants.EVENT_TEST_PENDING, test => {
      if (!covered.some(ending => test.title.endsWith(ending))) uncovered++;
    });
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures, pending } = this.stats;
      console.log(`${passes} passed, ${failures} failed, ${pending} skipped`);
      if (process.env.CI && uncovered > 0) {
        console.log('Skipped tests fail the run in CI; the reasons are above.');
        process.exitCode = 1;
        this.skippedInCi = true;
      }
    });
  }

  done(failures, exit) {
    exit(this.skippedInCi ? Math.max(1, failures) : failures);
  }
};
