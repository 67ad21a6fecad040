'use strict'
// One plain closing line for CI: "N passed, N failed".
module.exports = class {
  onRunComplete(_contexts, r) {
    process.stderr.write(
      `\n${r.numPassedTests} passed, ${r.numFailedTests + r.numRuntimeErrorTestSuites} failed, ${r.numPendingTests + r.numTodoTests} skipped\n`,
    )
  }
}
