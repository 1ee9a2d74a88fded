import { Visitor } from 'oxc-parser'
import type { Finding } from './finding.ts'
import { isTest, patternCode } from './rules.ts'
import type { Source, Tree } from './sources.ts'

/**
 * The part of "nobody touches the world's globals" that the linter cannot say: reading the clock by `new Date()`,
 * and getting at a global under another name (`const { now } = Date`). The rest is in .oxlintrc.json.
 */
export function checkWorld({ sources }: Tree): readonly Finding[] {
  return [...sources.values()].filter(({ path }) => isPatternCode(path)).flatMap(touches)
}

export function isPatternCode(path: string): boolean {
  return path.startsWith(patternCode.in) && !isTest(path) && !patternCode.except.some((folder) => path.startsWith(folder))
}

function touches({ path, program, lineOf }: Source): readonly Finding[] {
  const findings: Finding[] = []
  const add = (start: number, found: string): void => {
    findings.push({
      file: path,
      line: lineOf(start),
      rule: 'the world behind ports',
      found,
      remedy: 'Take time and chance from the Runtime handed in: `clock.now()`, `random`, `ids`.',
    })
  }
  new Visitor({
    NewExpression(node) {
      if (isName(node.callee, 'Date') && node.arguments.length === 0) add(node.start, '`new Date()` reads the clock.')
    },
    CallExpression(node) {
      if (isName(node.callee, 'Date')) add(node.start, '`Date()` reads the clock.')
    },
    VariableDeclarator(node) {
      if (isName(node.init, 'Date') || isName(node.init, 'Math') || isName(node.init, 'globalThis'))
        add(node.start, 'A global gets another name here, under which no rule would know it.')
    },
  }).visit(program)
  return findings
}

function isName(node: { readonly type: string } | null, name: string): boolean {
  return node !== null && node.type === 'Identifier' && (node as { readonly name?: string }).name === name
}
