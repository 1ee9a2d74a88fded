import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseSync } from 'oxc-parser'
import type { Manifest } from './workspace.ts'

/**
 * The oldest Node that a door runs on, measured (decision 0054). A store of the chassis needs more of Node's SQLite than
 * Node 22 has, and what Node 24 had before 24.12 let a service write into its file's own tables.
 */
const OLDEST = { alone: '22.13', chassis: '24.12' } as const
const CHASSIS = /\/dure\/dist\/service\//

/** What old versions of Node lack: in part or altogether, and names of modules that they have. */
const LATE_MODULES = /^node:(?:sqlite|module)$/
const LATE_NAMES = /\b(?:argon2|globSync|createZstdCompress|createZstdDecompress)\b/
const NAMED = /^import \{ ([^}]+) \} from '(node:\w+)';$/gm

/** What is left of an import of types alone would still load the module. */
const TYPES_ALONE = /^(?:import|export) \{\} from '[^']+';\n/gm

/**
 * An import of what a version of Node lacks fails before any line of the importing module has run, and so before it can
 * say what it needs. In what is published, such names are asked for when the module runs.
 */
export function askLate(code: string): string {
  return code
    .replace(TYPES_ALONE, '')
    .replace(NAMED, (whole, names: string, from: string) =>
      LATE_MODULES.test(from) || LATE_NAMES.test(names)
        ? `const { ${names.replaceAll(/(\w+) as (\w+)/g, '$1: $2')} } = process.getBuiltinModule('${from}');`
        : whole,
    )
}

/** Where a specifier leads, when it leads to a file that is published here. */
export type Resolve = (specifier: string) => string | undefined

/** All files that come with one when it is imported, itself first. */
export function reached(entry: string, resolve: Resolve): ReadonlySet<string> {
  const files = new Set<string>([entry])
  for (const file of files)
    for (const specifier of specifiersOf(file)) {
      const target = specifier.startsWith('.') ? join(dirname(file), specifier) : resolve(specifier)
      if (target !== undefined) files.add(target)
    }
  return files
}

function specifiersOf(file: string): readonly string[] {
  const { program } = parseSync(file, readFileSync(file, 'utf8'))
  return program.body.flatMap((node) => ('source' in node && node.source !== null ? [node.source.value] : []))
}

/** The oldest Node for a door: what comes with the chassis, or makes sense with it only, needs what it needs. */
export function oldestNode(door: string, { engines }: Manifest, resolve: Resolve): string {
  if (engines !== undefined && engines.node !== `>=${OLDEST.chassis}`)
    throw new Error(`Cannot build: "engines" says ${engines.node}, and may say >=${OLDEST.chassis} only.`)
  const hasChassis = engines !== undefined || [...reached(door, resolve)].some((file) => CHASSIS.test(file.replaceAll('\\', '/')))
  return hasChassis ? OLDEST.chassis : OLDEST.alone
}

/** Makes a door look at the version of Node before anything else of it is loaded. */
export function guard(options: {
  readonly door: string
  readonly dist: string
  readonly name: string
  readonly oldest: string
}): void {
  const { door, dist, name, oldest } = options
  const file = `node-${oldest}.js`
  writeFileSync(join(dist, file), refusal(name, oldest))
  const up = '../'.repeat(door.slice(dist.length + 1).split('/').length - 1) || './'
  writeFileSync(door, `import '${up}${file}';\n${readFileSync(door, 'utf8')}`)
}

/** Plain JavaScript that old versions of Node can read. */
function refusal(name: string, oldest: string): string {
  const [major, minor] = oldest.split('.')
  return `const own = globalThis.process?.versions?.node;
if (own !== undefined) {
  const [major, minor] = own.split('.').map(Number);
  if (major < ${major} || (major === ${major} && minor < ${minor})) {
    const error = new Error(\`Cannot load "${name}" on Node \${own}: this part of it needs Node ${oldest} or later. Install Node 26, or run "npm install --save-dev node@26" and start through an npm script.\`);
    // What called it matters to nobody: the sentence says it all.
    error.stack = error.message;
    throw error;
  }
}
`
}
