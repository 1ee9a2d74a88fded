import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'

/** What stands in the way of running a file as an ES module: Node says it in its own words, twice. Undefined when nothing does. */
export function moduleTrouble(file: string, cwd: string): string | undefined {
  const manifest = /\.[jt]s$/.test(file) ? nearest('package.json', file) : undefined
  if (manifest === undefined || readJson(manifest)?.['type'] !== 'commonjs') return undefined
  // What is written for CommonJS may `require` the library.
  if (!/^(?:import|export)\b/m.test(readFileSync(file, 'utf8'))) return undefined
  return `"${relative(cwd, manifest) || manifest}" says "type": "commonjs", and the file is an ES module; run: npm pkg set type=module`
}

/** What a project lacks for its types to be checked as they are run; a sentence each, with the remedy. */
export function typeTroubles(file: string): readonly string[] {
  if (!/\.[cm]?ts$/.test(file)) return []
  const troubles: string[] = []
  if (nearest('tsconfig.json', file) === undefined)
    troubles.push(
      'No tsconfig.json, so nothing checks the types; run: npx -p typescript tsc --init --module nodenext --target es2024 --strict --noEmit --allowImportingTsExtensions --erasableSyntaxOnly',
    )
  const version = typescriptVersion(file)
  const [major = 0, minor = 0] = version?.split('.').map(Number) ?? []
  if (version !== undefined && (major < 5 || (major === 5 && minor < 7)))
    troubles.push(
      `TypeScript ${version} does not know what the types here are written in, 5.7 does; run: npm install --save-dev typescript@latest`,
    )
  return troubles
}

function typescriptVersion(file: string): string | undefined {
  try {
    return String(readJson(createRequire(file).resolve('typescript/package.json'))?.['version'])
  } catch {
    // Not installed here: editors bring their own.
    return undefined
  }
}

/** The file of that name in the folder of `file`, or the first one above. */
export function nearest(name: string, file: string): string | undefined {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    if (existsSync(join(folder, name))) return join(folder, name)
    if (folder === dirname(folder)) return undefined
  }
}

export function readJson(file: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Readonly<Record<string, unknown>>
  } catch {
    // Whoever needs what is in it says what is wrong with it.
    return undefined
  }
}
