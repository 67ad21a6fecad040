import { Refusal, type RefusalCode } from '../../engine/errors.ts'

/** The driver's word for "exists already" as the engine's. By code: under a test runner the error may be of another realm. */
export function unless<T>(code: RefusalCode, message: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    const { code: driverCode } = error as { code?: string }
    if (driverCode === 'SQLITE_CONSTRAINT_PRIMARYKEY' || driverCode === 'SQLITE_CONSTRAINT_UNIQUE')
      throw new Refusal(code, message)
    throw error
  }
}
