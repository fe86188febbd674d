import type { ReactNode } from 'react';
import { Controls } from './Controls';
import { GapNotice } from './GapNotice';
import type { Reader } from './transitions';

interface Props {
  id: string;
  title: string;
  about: ReactNode;
  readers: readonly Reader[];
  children: ReactNode;
}

/** The frame of each part: what it is, what it shows, and the means to break it. */
export function Part({ id, title, about, readers, children }: Props) {
  return (
    <section id={id} className="part" aria-labelledby={`${id}-title`}>
      <header>
        <h2 id={`${id}-title`}>{title}</h2>
        <p>{about}</p>
      </header>
      <GapNotice readers={readers} />
      <div className="body">{children}</div>
      <Controls part={title} readers={readers} />
      <small>
        Its code: <code>clients/web/demo/src/{id}</code>
      </small>
    </section>
  );
}
