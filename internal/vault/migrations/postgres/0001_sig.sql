-- What PostgreSQL has beside the tables of the vault: shapes that GIS software reads, and the
-- schema "sig" of views for QGIS. {postgis} is the schema of the extension.

-- The shapes of one dimension (1 points, 2 lines, 3 surfaces) in a WKB; NULL when there are none,
-- and when the bytes are no WKB: a row is never refused for its shape.
CREATE FUNCTION garrigue.shape(wkb BYTEA, dimension INTEGER) RETURNS {postgis}.geometry
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    shape {postgis}.geometry;
BEGIN
    shape := {postgis}.ST_Multi({postgis}.ST_CollectionExtract({postgis}.ST_SetSRID({postgis}.ST_GeomFromWKB(wkb), 4326), dimension));
    IF {postgis}.ST_IsEmpty(shape) THEN
        RETURN NULL;
    END IF;
    RETURN shape;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END
$$;

-- The columns that are drawn, by dimension, so that each view has one type of geometry and its index. The
-- first bytes of a WKB tell its type: 1 to 3 single, 4 to 6 multiple, 7 a collection. A plain point, as most
-- are, has a way of its own: the function costs 10 microseconds.
ALTER TABLE observation ADD COLUMN geom_point {postgis}.geometry(MultiPoint, 4326) GENERATED ALWAYS AS (
    CASE WHEN length(geometry) = 21 AND substring(geometry FROM 1 FOR 5) = '\x0101000000'::BYTEA
        THEN {postgis}.ST_Multi({postgis}.ST_SetSRID({postgis}.ST_GeomFromWKB(geometry), 4326))
    WHEN length(geometry) >= 9 AND get_byte(geometry, CASE get_byte(geometry, 0) WHEN 1 THEN 1 ELSE 4 END) IN (1, 4, 7)
        THEN garrigue.shape(geometry, 1) END) STORED;

CREATE INDEX observation_geom_point ON observation USING GIST (geom_point) WHERE geom_point IS NOT NULL;

ALTER TABLE observation ADD COLUMN geom_line {postgis}.geometry(MultiLineString, 4326) GENERATED ALWAYS AS (
    CASE WHEN length(geometry) >= 9 AND get_byte(geometry, CASE get_byte(geometry, 0) WHEN 1 THEN 1 ELSE 4 END) IN (2, 5, 7)
        THEN garrigue.shape(geometry, 2) END) STORED;

CREATE INDEX observation_geom_line ON observation USING GIST (geom_line) WHERE geom_line IS NOT NULL;

ALTER TABLE observation ADD COLUMN geom_polygon {postgis}.geometry(MultiPolygon, 4326) GENERATED ALWAYS AS (
    CASE WHEN length(geometry) >= 9 AND get_byte(geometry, CASE get_byte(geometry, 0) WHEN 1 THEN 1 ELSE 4 END) IN (3, 6, 7)
        THEN garrigue.shape(geometry, 3) END) STORED;

CREATE INDEX observation_geom_polygon ON observation USING GIST (geom_polygon) WHERE geom_polygon IS NOT NULL;

-- A batch looks every dataset up itself, as on SQLite where keys are not checked while rows come in by the
-- million: these look-ups cost a third of the time of loading. "garrigue vault check" verifies them.
ALTER TABLE observation DROP CONSTRAINT IF EXISTS observation_dataset_fkey;

ALTER TABLE observation DROP CONSTRAINT IF EXISTS observation_batch_fkey;

ALTER TABLE observation DROP CONSTRAINT IF EXISTS observation_withdrawn_fkey;

ALTER TABLE area ADD COLUMN geom {postgis}.geometry(MultiPolygon, 4326) GENERATED ALWAYS AS (garrigue.shape(geometry, 3)) STORED;

CREATE INDEX area_geom ON area USING GIST (geom) WHERE geom IS NOT NULL;

CREATE SCHEMA sig;

COMMENT ON SCHEMA sig IS 'Garrigue : vues précises pour les SIG, sans nom de personne';

-- What is said of an observation in every view: no one's name, no free text. Withdrawn ones are not shown.
CREATE VIEW garrigue.observation_sig AS
SELECT o.id, o.cd_nom, o.cd_ref, COALESCE(t.full_name, t.scientific_name, o.name_cited) AS taxon,
    t.vernacular AS nom_vernaculaire, t.group2 AS groupe, o.name_cited AS nom_cite,
    o.date_start AS date_debut, o.date_end AS date_fin,
    CASE o.date_precision WHEN 'day' THEN 'jour' WHEN 'month' THEN 'mois' WHEN 'year' THEN 'année' WHEN 'years' THEN 'années' END AS precision_date,
    o.count_min AS effectif_min, o.count_max AS effectif_max, o.bio_status AS statut_biologique, o.behaviour AS comportement,
    d.name AS jeu_donnees, o.organisation AS organisme,
    CASE o.georeference WHEN 'geometry' THEN 'géométrie' WHEN 'commune' THEN 'commune' WHEN 'department' THEN 'département' WHEN 'cell' THEN 'maille' END AS rattachement,
    o.commune, o.department AS departement, o.uncertainty AS incertitude_m, o.altitude_min, o.altitude_max,
    o.sensitivity::TEXT AS sensibilite, o.sensitivity_list AS liste_sensibilite, o.diffusion,
    CASE o.validation WHEN 0 THEN 'en attente' WHEN 1 THEN 'certain' WHEN 2 THEN 'probable' WHEN 3 THEN 'douteux'
        WHEN 4 THEN 'invalide' WHEN 5 THEN 'non réalisable' WHEN 6 THEN 'non évalué' END AS validation,
    CASE o.held WHEN 'taxon' THEN 'taxon inconnu' WHEN 'territory' THEN 'hors territoire' WHEN 'place' THEN 'non localisée' WHEN 'class' THEN 'non classée' END AS retenue,
    o.georeference, o.attached, o.geom_point, o.geom_line, o.geom_polygon
FROM garrigue.observation o
JOIN garrigue.dataset d ON d.id = o.dataset
LEFT JOIN garrigue.taxon_name t ON t.cd_nom = o.cd_ref
WHERE o.withdrawn IS NULL;

CREATE VIEW sig.observation_point AS
SELECT id, cd_nom, cd_ref, taxon, nom_vernaculaire, groupe, nom_cite, date_debut, date_fin, precision_date, effectif_min, effectif_max, statut_biologique, comportement, jeu_donnees, organisme, rattachement, commune, departement, incertitude_m, altitude_min, altitude_max, sensibilite, liste_sensibilite, diffusion, validation, retenue,
    geom_point AS geom
FROM garrigue.observation_sig WHERE geom_point IS NOT NULL;

CREATE VIEW sig.observation_line AS
SELECT id, cd_nom, cd_ref, taxon, nom_vernaculaire, groupe, nom_cite, date_debut, date_fin, precision_date, effectif_min, effectif_max, statut_biologique, comportement, jeu_donnees, organisme, rattachement, commune, departement, incertitude_m, altitude_min, altitude_max, sensibilite, liste_sensibilite, diffusion, validation, retenue,
    geom_line AS geom
FROM garrigue.observation_sig WHERE geom_line IS NOT NULL;

CREATE VIEW sig.observation_polygon AS
SELECT id, cd_nom, cd_ref, taxon, nom_vernaculaire, groupe, nom_cite, date_debut, date_fin, precision_date, effectif_min, effectif_max, statut_biologique, comportement, jeu_donnees, organisme, rattachement, commune, departement, incertitude_m, altitude_min, altitude_max, sensibilite, liste_sensibilite, diffusion, validation, retenue,
    geom_polygon AS geom
FROM garrigue.observation_sig WHERE geom_polygon IS NOT NULL;

-- Observations known by an area alone are drawn as that area: its outline, or the square of a cell
-- (10kmL93E057N643: kilometres of Lambert-93, in tens from 10 km up).
CREATE VIEW sig.observation_rattachee AS
SELECT o.id, o.cd_nom, o.cd_ref, o.taxon, o.nom_vernaculaire, o.groupe, o.nom_cite, o.date_debut, o.date_fin, o.precision_date, o.effectif_min, o.effectif_max, o.statut_biologique, o.comportement, o.jeu_donnees, o.organisme, o.rattachement, o.commune, o.departement, o.incertitude_m, o.altitude_min, o.altitude_max, o.sensibilite, o.liste_sensibilite, o.diffusion, o.validation, o.retenue,
    o.attached AS zone, a.geom
FROM garrigue.observation_sig o JOIN garrigue.area a ON a.kind = o.georeference AND a.code = o.attached
UNION ALL
SELECT id, cd_nom, cd_ref, taxon, nom_vernaculaire, groupe, nom_cite, date_debut, date_fin, precision_date, effectif_min, effectif_max, statut_biologique, comportement, jeu_donnees, organisme, rattachement, commune, departement, incertitude_m, altitude_min, altitude_max, sensibilite, liste_sensibilite, diffusion, validation, retenue,
    attached AS zone, {postgis}.ST_Multi({postgis}.ST_Transform({postgis}.ST_MakeEnvelope(
        e * unit * 1000, n * unit * 1000, (e * unit + mesh) * 1000, (n * unit + mesh) * 1000, 2154), 4326))::{postgis}.geometry(MultiPolygon, 4326) AS geom
FROM garrigue.observation_sig
CROSS JOIN LATERAL (SELECT substring(attached FROM '^([0-9]+)km')::INTEGER AS mesh, substring(attached FROM 'E([0-9]+)')::INTEGER AS e,
    substring(attached FROM 'N([0-9]+)$')::INTEGER AS n) AS code
CROSS JOIN LATERAL (SELECT CASE WHEN mesh >= 10 THEN 10 ELSE 1 END AS unit) AS step
WHERE georeference = 'cell' AND attached ~ '^[0-9]+kmL93E[0-9]+N[0-9]+$';

CREATE VIEW sig.commune AS
SELECT code AS insee, name AS nom, parent AS departement, surface AS surface_m2, geom FROM garrigue.area WHERE kind = 'commune';

CREATE VIEW sig.departement AS
SELECT code AS insee, name AS nom, surface AS surface_m2, geom FROM garrigue.area WHERE kind = 'department';

CREATE VIEW sig.zone AS
SELECT kind AS sorte, code, name AS nom, surface AS surface_m2, geom FROM garrigue.area WHERE kind NOT IN ('commune', 'department');

-- The role of those who read in QGIS. Who may not create roles goes on without; see the guide.
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'garrigue_lecture') THEN
        CREATE ROLE garrigue_lecture NOLOGIN;
    END IF;
    EXECUTE 'GRANT USAGE ON SCHEMA sig TO garrigue_lecture';
    EXECUTE 'GRANT SELECT ON ALL TABLES IN SCHEMA sig TO garrigue_lecture';
    EXECUTE 'ALTER DEFAULT PRIVILEGES IN SCHEMA sig GRANT SELECT ON TABLES TO garrigue_lecture';
EXCEPTION WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN
    NULL;
END
$$;
