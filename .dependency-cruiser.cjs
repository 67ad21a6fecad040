'use strict'
/** The import table of docs/architecture.md. A new line here is a design decision: say why in the commit. */

const node =
  '^(node:)?(child_process|crypto|dgram|dns|events|fs|http|https|net|os|path|readline|timers|url|util)(/|$)'
const npm = (...names) => `node_modules/(@types/)?(${names.join('|')})(/|$)`

/** Files at `from` may import what matches one of `allowed`, and nothing else. */
const only = (name, from, allowed) => ({
  name,
  severity: 'error',
  comment: `${from} may import only: ${allowed.join('  ')}`,
  from: { path: from },
  to: { pathNot: allowed },
})

module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'nobody-imports-the-roots',
      severity: 'error',
      from: { path: '^src', pathNot: '^src/(cli|demo)(/|\\.ts$)' },
      to: { path: '^src/(main|cli)\\.ts$' },
    },
    only('engine-knows-no-technology', '^src/engine/', ['^src/engine/', npm('libphonenumber-js')]),
    only('store', '^src/store/', ['^src/store/', '^src/engine/', npm('better-sqlite3'), node]),
    only('dialects', '^src/api/dialects/([^/]+)/', [
      '^src/engine/',
      '^src/api/(login|fields|links|door|bodies|once|openapi|xml)\\.ts$',
      '^src/api/dialects/$1/',
      npm('express', 'zod', 'zod-openapi'),
      '^(node:)?stream(/|$)',
      node,
    ]),
    only('api', '^src/api/[^/]+\\.ts$', [
      '^src/api/',
      '^src/engine/',
      npm('express', 'express-serve-static-core', 'helmet', 'pino', 'zod', 'zod-openapi'),
      node,
    ]),
    only('flows', '^src/calls/flows/', [
      '^src/engine/',
      '^src/calls/call\\.ts$',
      '^src/calls/flows/(ask-pin|connect|paid-call|phrases)\\.ts$',
    ]),
    only('calls', '^src/calls/[^/]+\\.ts$', [
      '^src/calls/',
      '^src/engine/',
      // Callbacks and VoIP lines are looked after in loops.
      '^src/loop\\.ts$',
      npm('ws', 'pino'),
      node,
    ]),
    only('agi', '^src/agi/', [
      '^src/agi/',
      '^src/engine/',
      '^src/calls/(call|deferred|digits|prompts|voice)\\.ts$',
      '^src/calls/flows/ask-pin\\.ts$',
      npm('pino'),
      node,
    ]),
    only('webhooks', '^src/webhooks/', [
      '^src/webhooks/',
      '^src/engine/',
      '^src/loop\\.ts$',
      npm('standardwebhooks'),
      node,
    ]),
    only('small-roots', '^src/((config|log|loop|asterisk|secrets)\\.ts$|(config|asterisk)/)', [
      '^src/((config|log)\\.ts$|(config|asterisk)/)',
      npm('pino', 'yaml', 'zod'),
      node,
    ]),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
}
