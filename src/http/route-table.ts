interface Route {
  readonly methods: Set<string>;
  readonly matches: RegExp;
}

/** The paths that are served, to tell a wrong method (405) from an unknown path (404). */
export class RouteTable {
  private readonly routes = new Map<string, Route>();

  add(pattern: string, methods: readonly string[]): void {
    const route = this.routes.get(pattern) ?? { methods: new Set(), matches: pathMatcher(pattern) };
    methods.forEach((method) => route.methods.add(method));
    this.routes.set(pattern, route);
  }

  /** The methods that the path takes; empty when there is no such path. */
  methodsOf(path: string): string[] {
    const methods = [...this.routes.values()]
      .filter((r) => r.matches.test(path))
      .flatMap((r) => [...r.methods]);
    return [...new Set(methods)].sort();
  }
}

function pathMatcher(pattern: string): RegExp {
  const source = pattern
    .split('/')
    .map((part) =>
      part.startsWith(':') ? '[^/]+' : part === '*' ? '.*' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'),
    )
    .join('/');
  return new RegExp(`^${source}$`);
}
