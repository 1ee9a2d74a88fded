import type { System } from 'dure/service'

/** Where a program finds a system. */
export type SystemFile = { readonly url: string; readonly name: string }

/**
 * The system that a file exports, for a process of its own.
 * @throws {Error} when it exports none by that name
 */
export async function systemOf({ url, name }: SystemFile): Promise<System> {
  const exported = ((await import(url)) as Readonly<Record<string, unknown>>)[name] as System | (() => System)
  if (exported === undefined) throw new Error(`Cannot run the system: "${url}" exports no "${name}"`)
  return typeof exported === 'function' ? exported() : exported
}

/** A program beside this file, whatever it was compiled to, and the options of Node it needs. */
export function programBeside(here: string, program: string): { readonly url: URL; readonly node: readonly string[] } {
  const kind = here.slice(here.lastIndexOf('.'))
  // In a checkout nothing is built, and the library's sources run as they are: also when hooks rather than an option said so.
  const node = kind === '.ts' ? [...process.execArgv, '--conditions=dure-source'] : process.execArgv
  return { url: new URL(`./${program}${kind}`, here), node }
}
