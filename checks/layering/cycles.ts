import type { Finding } from './finding.ts'
import type { Tree } from './sources.ts'

/** No file may, by way of others, import itself. Each cycle is named once, at its first file. */
export function checkCycles({ sources }: Tree): readonly Finding[] {
  const findings: Finding[] = []
  const state = new Map<string, 'open' | 'done'>()
  const trail: string[] = []
  const visit = (path: string): void => {
    state.set(path, 'open')
    trail.push(path)
    for (const { target, line } of sources.get(path)!.imports) {
      if (target === undefined || !sources.has(target)) continue
      if (state.get(target) === 'open') {
        const cycle = [...trail.slice(trail.indexOf(target)), target]
        findings.push({
          file: path,
          line,
          rule: 'no cycles',
          found: `${cycle.join(' → ')}`,
          remedy: 'Move what both need into a file that knows neither.',
        })
      } else if (!state.has(target)) visit(target)
    }
    trail.pop()
    state.set(path, 'done')
  }
  for (const path of sources.keys()) if (!state.has(path)) visit(path)
  return findings
}
