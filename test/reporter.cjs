'use strict';
const { reporters, Runner } = require('mocha');

/**
 * Mocha's spec reporter, and a last line with the counts. Two more things fail a run: in CI a skipped test, for what is not tested there
 * is not tested anywhere, but for those whose title says that the same run covers them in another way; and a rejected promise that nobody
 * handles, which would end a program and which Mocha passes over.
 */
const covered = ['(covered in User-Mode Linux)', '(covered by recorded calls)', '(covered by recorded data)'];

module.exports = class Reporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    /** Why the run fails besides failed tests. */
    this.complaints = new Set();
    // Mocha's own listener tells of each once more.
    const told = new WeakSet();
    process.on('unhandledRejection', (reason, promise) => {
      if (told.has(promise)) return;
      told.add(promise);
      console.log(`a rejected promise that nobody handles, during "${runner.currentRunnable?.fullTitle()}":`, reason);
      this.complaints.add('Rejected promises that nobody handles fail the run; they are above.');
    });
    runner.on(Runner.constants.EVENT_TEST_PENDING, test => {
      if (!process.env.CI || covered.some(ending => test.title.endsWith(ending))) return;
      this.complaints.add('Skipped tests fail the run in CI; the reasons are above.');
    });
    const failed = new Set();
    runner.on(Runner.constants.EVENT_TEST_FAIL, ({ file }) => failed.add(file));
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures, pending } = this.stats;
      for (const complaint of this.complaints) console.log(complaint);
      // For test/main.ts, which tries these again: what else fails a run would fail it again.
      if (this.complaints.size === 0 && !failed.has(undefined))
        for (const file of failed) console.log(`failed in ${file}`);
      console.log(`${passes} passed, ${failures} failed, ${pending} skipped`);
    });
  }

  done(failures, exit) {
    exit(this.complaints.size > 0 ? Math.max(1, failures) : failures);
  }
};
