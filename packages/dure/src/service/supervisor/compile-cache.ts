import { flushCompileCache, getCompileCacheDir } from 'node:module'
import { dirname } from 'node:path'

/**
 * The environment in which a process need not compile what this one has compiled: it is loaded in half the time, and
 * never loads what strips types. Where this process keeps no compile cache (`enableCompileCache` of `node:module`), there
 * is nothing to share.
 */
export function shareCompiled(): Readonly<Record<string, string>> {
  const directory = getCompileCacheDir()
  if (directory === undefined) return {}
  // Else it would be written when this process ends.
  flushCompileCache()
  // Each version of Node has a folder of its own in the one that is named.
  return { NODE_COMPILE_CACHE: dirname(directory) }
}
