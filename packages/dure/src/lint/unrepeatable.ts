/** A node of a syntax tree in the form of ESTree, as far as it is looked at. */
export type SyntaxNode = { readonly type: string; readonly [part: string]: unknown }

export type Unrepeatable = { readonly at: SyntaxNode; readonly message: string }

/**
 * What the `run` of a saga does outside its steps that may come out otherwise when it is run again from its history. Of any other
 * call: nothing. Work that is handed to the saga (`s.step(…)`) is done once, and not looked at.
 */
export function unrepeatable(call: SyntaxNode): readonly Unrepeatable[] {
  const run = runOf(call)
  const saga = run && nameOf((run['params'] as readonly SyntaxNode[])[0])
  if (run === undefined || saga === undefined) return []
  const found: Unrepeatable[] = []
  /** `handed`: it is part of what a step gets, whose functions are its work. */
  const walk = (node: SyntaxNode, handed = false): void => {
    if (handed && isFunction(node)) return
    const why = node.type === 'AwaitExpression' ? foreignAwait(node, saga) : unstable(node)
    if (why !== undefined) found.push({ at: node, message: `${why} To do: move it into a step, \`${saga}.step(…)\`` })
    const handing = isOf(node, saga) || (handed && LITERALS.has(node.type))
    for (const child of childrenOf(node)) walk(child, handing)
  }
  walk(run['body'] as SyntaxNode)
  return found
}

/** The function of `saga('name', { run: async (s, input) => … })`. */
function runOf({ callee, arguments: given }: SyntaxNode): SyntaxNode | undefined {
  if (nameOf(callee as SyntaxNode) !== 'saga') return undefined
  const options = (given as readonly SyntaxNode[])[1]
  if (options?.type !== 'ObjectExpression') return undefined
  const run = (options['properties'] as readonly SyntaxNode[]).find(({ key }) => nameOf(key as SyntaxNode | undefined) === 'run')
  const value = run?.['value'] as SyntaxNode | undefined
  return value !== undefined && isFunction(value) ? value : undefined
}

/** A call of the saga itself, or of something that gets it: `s.step(…)`, `reserveAll(s, …)`. */
function isOf(node: SyntaxNode, saga: string): boolean {
  if (node.type !== 'CallExpression') return false
  const callee = node['callee'] as SyntaxNode
  const owner = callee.type === 'MemberExpression' ? nameOf(callee['object'] as SyntaxNode) : undefined
  return owner === saga || (node['arguments'] as readonly SyntaxNode[]).some((given) => nameOf(given) === saga)
}

const LITERALS: ReadonlySet<string> = new Set(['ObjectExpression', 'Property', 'ArrayExpression', 'SpreadElement'])

const TOGETHER: ReadonlySet<string> = new Set(['Promise.all', 'Promise.allSettled'])

/** What is waited for must be the saga's: its answer is in the history. */
function foreignAwait({ argument }: SyntaxNode, saga: string): string | undefined {
  const awaited = argument as SyntaxNode
  if (awaited.type !== 'CallExpression') return undefined
  const name = pathOf(awaited['callee'] as SyntaxNode)
  if (isOf(awaited, saga) || (name !== undefined && TOGETHER.has(name))) return undefined
  return `A saga is run again from its history, and the answer of \`${name ?? 'this call'}\` is not in it.`
}

const UNSTABLE: ReadonlySet<string> = new Set([
  ...['Date', 'Date.now', 'Math.random', 'performance.now', 'process.hrtime', 'process.hrtime.bigint', 'fetch'],
  ...['randomUUID', 'randomBytes', 'crypto.randomUUID', 'crypto.randomBytes', 'crypto.getRandomValues'],
  ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'Promise.race', 'Promise.any'],
])

function unstable(node: SyntaxNode): string | undefined {
  const made = node.type === 'NewExpression' && (node['arguments'] as readonly SyntaxNode[]).length === 0
  if (node.type !== 'CallExpression' && !made) return undefined
  const name = pathOf(node['callee'] as SyntaxNode)?.replace(/^globalThis\./, '')
  if (name === undefined || !UNSTABLE.has(name) || (made && name !== 'Date')) return undefined
  return `A saga is run again from its history, and \`${made ? 'new Date()' : name}\` would come out otherwise then.`
}

function isFunction({ type }: SyntaxNode): boolean {
  return type === 'ArrowFunctionExpression' || type === 'FunctionExpression'
}

function nameOf(node: SyntaxNode | undefined): string | undefined {
  return node?.type === 'Identifier' ? (node['name'] as string) : undefined
}

/** `a.b.c` of a chain of plain names. */
function pathOf(node: SyntaxNode): string | undefined {
  if (node.type !== 'MemberExpression') return nameOf(node)
  const owner = pathOf(node['object'] as SyntaxNode)
  const member = node['computed'] === true ? undefined : nameOf(node['property'] as SyntaxNode)
  return owner === undefined || member === undefined ? undefined : `${owner}.${member}`
}

function childrenOf(node: SyntaxNode): readonly SyntaxNode[] {
  return Object.entries(node).flatMap(([part, value]) => (part === 'parent' ? [] : [value].flat().filter(isNode)))
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && typeof (value as SyntaxNode).type === 'string'
}
