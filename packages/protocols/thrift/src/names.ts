/** Words that are no names in Thrift, or in a language that Thrift's compiler writes. */
export const RESERVED: ReadonlySet<string> = new Set(
  `BEGIN END __CLASS__ __DIR__ __FILE__ __FUNCTION__ __LINE__ __METHOD__ __NAMESPACE__ abstract alias and args as assert async await
  begin binary bool boolean break byte case catch char class clone const continue cpp_include cpp_type declare def default del delete
  do double dynamic elif else elseif elsif end enddeclare endfor endforeach endif endswitch endwhile ensure enum except exception exec
  extends false final finally float for foreach from function global goto i16 i32 i64 i8 if implements import in include inline
  instanceof int interface is lambda list long map module namespace native new next nil nonlocal not null oneway optional or package
  pass print private protected public raise redo reference register required rescue retry return self service set short sizeof slist
  static strictfp string struct super switch synchronized then this throw throws transient true try typedef undef union unless
  unsigned until use uuid var virtual void volatile when while with xor yield False None True`.split(/\s+/),
)
