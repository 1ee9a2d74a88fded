/**
 * Rules for ESLint and oxlint, as one plugin: `dure/saga-determinism` finds clocks, chance and calls outside the steps of a saga.
 *
 * @example
 * ```ts
 * import dure from 'dure/lint'
 *
 * // eslint.config.js; for oxlint: "jsPlugins": ["dure/lint"]
 * const config = [{ plugins: { dure }, rules: { 'dure/saga-determinism': 'error' } }]
 * console.log(Object.keys(dure.rules), config.length) // → [ 'saga-determinism' ] 1
 * ```
 */
import { unrepeatable, type SyntaxNode } from './unrepeatable.ts'

type RuleContext = {
  readonly report: (found: { readonly node: SyntaxNode; readonly message: string }) => void
}

/** In the form that ESLint 9 and later and oxlint take: oxlint loads the default export. */
const plugin = {
  meta: { name: 'dure' },
  rules: {
    'saga-determinism': {
      meta: {
        type: 'problem' as const,
        docs: { description: 'A saga is run again from its history: what it does outside its steps must come out the same' },
      },
      create: (context: RuleContext) => ({
        CallExpression: (node: SyntaxNode): void => {
          for (const { at, message } of unrepeatable(node)) context.report({ node: at, message })
        },
      }),
    },
  },
}

export default plugin
