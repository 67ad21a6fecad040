'use strict'
/**
 * The import table of docs/architecture.md. A new line here is a design decision: say why in the commit.
 * Format: folder -> what it may import besides itself and the listed packages.
 */
const node = '^node:|^(crypto|events|fs|path|os|url|http|https|net|dns|child_process|timers)(/|$)'
const npm = (...names) => `node_modules/(${names.join('|')})(/|$)`

const only = (name, from, allowed, extra = {}) => ({
  name,
  severity: 'error',
  comment: `${from} may import only: ${allowed.join('  ')}`,
  from: { path: from, ...extra },
  to: { pathNot: allowed, dependencyTypesNot: ['type-only-never'] },
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
      from: { path: '^src' },
      to: { path: '^src/(main|cli)\\.ts$' },
    },
    only('engine-knows-no-technology', '^src/engine/', ['^src/engine/', npm('libphonenumber-js', 'uuid')]),
    only('store', '^src/store/', [
      '^src/store/',
      '^src/engine/',
      npm('better-sqlite3', '@types/better-sqlite3'),
      node,
    ]),
    only('dialects', '^src/api/dialects/(?!index)', [
      '^src/engine/',
      '^src/api/(login|fields|csv|xml)\\.ts$',
      '^src/api/dialects/$1',
      npm('express', '@types/express', 'zod'),
      node,
    ]),
    only('api', '^src/api/[^/]+\\.ts$', [
      '^src/api/',
      '^src/engine/',
      npm('express', '@types/express', '@types/express-serve-static-core', 'helmet', 'pino', 'zod'),
      node,
    ]),
    only('flows', '^src/calls/flows/', [
      '^src/engine/',
      '^src/calls/call\\.ts$',
      '^src/calls/flows/ask-pin\\.ts$',
    ]),
    only('calls', '^src/calls/[^/]+\\.ts$', [
      '^src/calls/',
      '^src/engine/',
      '^src/loop\\.ts$',
      npm('ws', '@types/ws', 'pino'),
      node,
    ]),
    only('webhooks', '^src/webhooks/', [
      '^src/webhooks/',
      '^src/engine/',
      '^src/loop\\.ts$',
      npm('standardwebhooks', 'pino'),
      node,
    ]),
    only('small-roots', '^src/(config|log|loop|asterisk|secrets)\\.ts$', [
      '^src/(config|log)\\.ts$',
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
