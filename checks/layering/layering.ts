/**
 * The shape of the house, checked: who imports whom, through which door, with no way round in a circle.
 *
 * The rules are values in rules.ts; each file beside this one enforces one group of them.
 */
import { checkCycles } from './cycles.ts'
import type { Finding } from './finding.ts'
import { checkPackages } from './packages.ts'
import { checkDoors, checkRooms } from './rooms.ts'
import { mustHaveFiles } from './rules.ts'
import { checkServices } from './services.ts'
import { checkShape, longFiles } from './shape.ts'
import { readTree, type Tree } from './sources.ts'
import { checkWorld } from './world.ts'

export { describe, type Finding } from './finding.ts'
export { isConformance, isTest, patternCode } from './rules.ts'
export { readTree, type Package, type Source } from './sources.ts'

export type Layering = {
  readonly files: number
  readonly imports: number
  readonly findings: readonly Finding[]
  readonly long: readonly { readonly path: string; readonly lines: number }[]
}

/** Checks the tree below `root`. Having seen no files is a finding: a check that looks at nothing must not pass. */
export function checkLayering(root: string): Layering {
  const tree = readTree(root)
  const findings = [checkSeen, checkRooms, checkDoors, checkPackages, checkServices, checkCycles, checkShape, checkWorld].flatMap(
    (check) => check(tree),
  )
  const imports = [...tree.sources.values()].reduce((sum, source) => sum + source.imports.length, 0)
  return { files: tree.sources.size, imports, findings, long: longFiles(tree) }
}

function checkSeen({ sources, workspaces }: Tree): readonly Finding[] {
  return [...new Set([...mustHaveFiles, ...workspaces])]
    .filter((folder) => ![...sources.keys()].some((path) => path.startsWith(`${folder}/`)))
    .map((folder) => ({
      file: folder,
      line: 0,
      rule: 'something to check',
      found: `No TypeScript file was seen below "${folder}".`,
      remedy: 'If that is true, take it out of the workspaces; if not, the check is looking in the wrong place.',
    }))
}
