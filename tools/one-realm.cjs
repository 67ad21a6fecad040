'use strict'
// A native addon keeps the first test file's Error and Array; make `instanceof` see through realms, as production does.
Object.defineProperty(Error, Symbol.hasInstance, {
  value(v) {
    return this === Error ? Error.isError(v) : Function.prototype[Symbol.hasInstance].call(this, v)
  },
})
Object.defineProperty(Array, Symbol.hasInstance, { value: (v) => Array.isArray(v) })
