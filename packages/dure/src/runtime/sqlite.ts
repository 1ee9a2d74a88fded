/**
 * Node's SQLite, asked for when a file is opened: whoever opens none loads none, and a Node that lacks it, or lacks what
 * is needed of it, keeps nobody from the rest.
 */
export function nodeSqlite(): typeof import('node:sqlite') {
  return process.getBuiltinModule('node:sqlite')
}
