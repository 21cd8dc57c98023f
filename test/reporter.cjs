'use strict';
const { reporters, Runner } = require('mocha');

/**
 * Mocha's spec reporter, and a last line with the counts. In CI a skipped test fails the run: what is not tested there is not tested
 * anywhere.
 */
module.exports = class Reporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures, pending } = this.stats;
      console.log(`${passes} passed, ${failures} failed, ${pending} skipped`);
      if (process.env.CI && pending > 0) {
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
