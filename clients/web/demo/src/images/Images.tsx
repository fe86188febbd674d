import { useEvents } from '@weir/client/react';
import { Indicator } from '../controls/Indicator';
import { Part } from '../controls/Part';
import type { GenerationUpdate } from '../gen/apps/imagegen/v1/imagegen_weir';
import { empty, update } from './requests';
import { images, line } from './stream';
import './images.css';

const readers = [{ name: 'images', stream: images, line }];
const about = 'Several requests of one user over one connection: progress as it is made, and the picture when it is there.';

export function Images() {
  const requests = useEvents(images, ['message'], update, empty, { gap: () => empty });
  return (
    <Part id="images" title="Image generation" about={about} readers={readers}>
      <div className="summary">
        <Indicator stream={images} of="Image generation" />
      </div>
      <ul className="requests">
        {[...requests].reverse().map(([id, request]) => (
          <li key={id} data-id={id} data-status={request.status}>
            <Request request={request} />
          </li>
        ))}
      </ul>
    </Part>
  );
}

function Request({ request: { status, message, payload } }: { request: GenerationUpdate }) {
  const [image] = payload?.images ?? [];
  if (image) return <img src={image.url} width={image.width} height={image.height} alt={message} title={message} />;
  if (status === 'ERROR') return <p className="failed">{message}</p>;
  return (
    <label>
      {message} <progress max={100} value={payload?.progress ?? 0} /> {payload?.progress ?? 0} %
    </label>
  );
}
