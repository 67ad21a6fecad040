import type { Config } from 'jest'

const config: Config = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  transform: { '^.+\\.ts$': '<rootDir>/tools/strip-types.cjs' },
  setupFiles: ['<rootDir>/tools/one-realm.cjs'],
  maxWorkers: 2,
  workerIdleMemoryLimit: '700MB',
  testTimeout: 15_000,
  reporters: ['default', '<rootDir>/tools/ci-line.cjs'],
}
export default config
